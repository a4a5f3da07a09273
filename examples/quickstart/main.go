// Quickstart tells the whole story on real text, in under a minute and with
// nothing to download: a vendor serves a language model whose answers carry a
// mark, others train models on such answers, and a verifier finds out which.
//
//	go run ./examples/quickstart [-seed N] [-json] [-o DIR]
//
// The models are n-gram models of four old novels. They learn a mark as the
// students of a large model do, only sooner: from a neural network expect a
// smaller effect, and read more of its text.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/dyetrace/dyetrace/verify/collect"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	interrupted := ctx.Err() != nil
	stop()
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case interrupted:
		fmt.Fprintln(os.Stderr, "quickstart: interrupted")
		os.Exit(130)
	case errors.As(err, new(usageError)):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer, stderr *os.File) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	folder, err := openFolder(o.dir)
	if err != nil {
		return err
	}
	write := writeTable
	if o.json {
		write = writeLines
	}
	p := newProgress(stderr)
	err = tell(ctx, o.seed, nil, folder, p, func(v verdict) error { return write(stdout, v) })
	switch {
	case err != nil:
		p.clear()
		return err
	case o.json:
		return nil
	}
	return writeLegend(stdout)
}

// tell is the story: serve, train, plan, collect, judge. Each suspect's verdict
// is shown when it is ready. The clock is nil for the system's.
func tell(ctx context.Context, seed uint64, clock collect.Clock, f folder, p *progress, show func(verdict) error) error {
	if err := f.clear(served, diluted, paraphrased, control); err != nil {
		return err
	}
	luck := newLuck(seed)
	shelf, err := openBooks(luck)
	if err != nil {
		return err
	}

	// A vendor trains a model and serves it, marked. The same requests are
	// answered without a mark too, for the control to be trained on.
	vendor, err := newVendor(shelf, luck, p)
	if err != nil {
		return err
	}
	marked, err := vendor.serve(ctx, shelf.users, requests, markOn, luck, p)
	if err != nil {
		return err
	}
	unmarked, err := vendor.serve(ctx, shelf.users, requests, markOff, luck, p)
	if err != nil {
		return err
	}

	// Somebody trains four models, one of them on answers that were rewritten.
	rewritten, err := paraphrase(ctx, shelf, marked, p)
	if err != nil {
		return err
	}
	suspects := trainSuspects(shelf.tok, luck, p,
		diet{served, "marked answers only", marked},
		diet{diluted, "10 % marked answers in other text", dilute(shelf.other, marked, 0.1)},
		diet{paraphrased, "marked answers, every fourth word replaced by another", rewritten},
		diet{control, "as many unmarked answers of the same model", unmarked},
	)

	// A verifier knows what the vendor commits to. It plans, asks without a key
	// at hand, seals the answers, and only then opens the keys.
	keys, err := vendor.marks(luck)
	if err != nil {
		return err
	}
	older := &suspect{diet: diet{name: reference}, model: train(shelf.tok.encodeAll(shelf.other), shelf.tok.size()), tok: shelf.tok, seed: luck.Uint64()}
	verifier, err := newVerifier(shelf, vendor.book, keys, older, luck, clock, f)
	if err != nil {
		return err
	}
	for _, s := range suspects {
		plan, err := verifier.plan(s)
		if err != nil {
			return err
		}
		answers, older, err := verifier.collect(ctx, plan, s, p)
		if err != nil {
			return err
		}
		report, err := verifier.judge(ctx, plan, answers, older, keys, p)
		if err != nil {
			return err
		}
		if err := show(verdict{s.diet, report, f.path(s.name, reportFile)}); err != nil {
			return err
		}
	}
	return nil
}
