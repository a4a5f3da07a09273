//go:build unix

package main

import (
	"os/signal"
	"strconv"
	"syscall"
)

// limitFiles makes writes beyond so many bytes of a file fail, as on a full disk.
func limitFiles(bytes string) {
	if bytes == "" {
		return
	}
	var l syscall.Rlimit
	n, err := strconv.Atoi(bytes)
	if err == nil {
		err = syscall.Getrlimit(syscall.RLIMIT_FSIZE, &l)
	}
	// The types of these fields are not the same everywhere.
	for l.Cur = 1; err == nil && int64(l.Cur) < int64(n); {
		l.Cur *= 2
	}
	if err == nil {
		signal.Ignore(syscall.SIGXFSZ)
		err = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &l)
	}
	if err != nil {
		panic(err)
	}
}
