package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// exitCodes is what help says of them.
const exitCodes = `Exit codes: 0 nothing found, or done what was asked for; 1 found; 2 the command
line, a file or a service is not what is needed, with what to do about it on
standard error; 3 evidence that is not valid; 128 + n ended by signal n, and what
it said tells how to go on.`

// Exit codes.
const (
	exitNothing = 0
	exitFound   = 1
	exitUsage   = 2
	exitInvalid = 3
)

// errFound is what a command returns that has found, and printed, something.
var errFound = errors.New("found")

// errShown is what a command returns whose result says already what does not hold.
var errShown = invalid(errors.New("evidence is not valid"))

// A usageError is a command line that makes no sense.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// usage marks an error of the command line: help is pointed to.
func usage(err error) error { return usageError{err} }

// An invalidError is evidence that does not hold: changed, incomplete or of
// something else.
type invalidError struct{ error }

func (e invalidError) Unwrap() error { return e.error }

// invalid marks an error of the evidence itself.
func invalid(err error) error { return invalidError{err} }

// exitCode returns the code for what a command returned.
func exitCode(ctx context.Context, err error) int {
	var s signalled
	switch {
	case err == nil:
		return exitNothing
	case errors.Is(err, errFound):
		return exitFound
	case errors.As(err, new(invalidError)):
		return exitInvalid
	case errors.As(context.Cause(ctx), &s) && (errors.Is(err, context.Canceled) || errors.Is(err, s)):
		return 128 + int(s.Signal)
	}
	return exitUsage
}

// signalled is the cause of a context that a signal ended.
type signalled struct{ syscall.Signal }

func (s signalled) Error() string { return "interrupted" }

// interruptible returns a context that the first SIGINT or SIGTERM ends; a
// second one ends the process.
func interruptible(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals)
			number, _ := s.(syscall.Signal)
			cancel(signalled{number})
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(signals); cancel(nil) }
}
