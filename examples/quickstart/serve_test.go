package main

import (
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/watermark"
)

// smallVendor serves a model of a twentieth of the books.
func smallVendor(t *testing.T) (*vendor, []string) {
	s, err := openBooks(newLuck(1))
	require.NoError(t, err)
	s.teacher = s.teacher[:len(s.teacher)/10]
	v, err := newVendor(s, newLuck(1), quiet())
	require.NoError(t, err)
	return v, s.users
}

func quiet() *progress { return &progress{w: io.Discard} }

func results(t *testing.T, v *vendor, epoch string, answers []string) map[string]watermark.Result {
	layers, err := v.layers(epoch, "nobody")
	require.NoError(t, err)
	found := map[string]watermark.Result{}
	for _, name := range layers.Names() {
		detector := layers.Mark(name).NewDetector()
		for _, answer := range answers {
			require.NoError(t, detector.Add(watermark.Text{Tokens: v.tok.encode(answer)}))
		}
		found[name] = detector.Result()
	}
	return found
}

func TestServedTextCarriesBothLayers(t *testing.T) {
	v, prompts := smallVendor(t)
	serve := func(on marking, l luck) []string {
		answers, err := v.serve(t.Context(), prompts, 40, on, l, quiet())
		require.NoError(t, err)
		return answers
	}
	served := serve(markOn, newLuck(1))
	assert.Equal(t, served, serve(markOn, newLuck(1)), "one seed, one corpus, on any number of cores")
	assert.NotEqual(t, served, serve(markOn, newLuck(2)))

	// Where nothing is to be found, e^-14 is a false alarm once in a million.
	right, wrong := results(t, v, thisEpoch, served), results(t, v, lastEpoch, served)
	off := results(t, v, thisEpoch, serve(markOff, newLuck(1)))
	for _, name := range []string{vendorLayer, epochLayer} {
		assert.Less(t, right[name].LogP, -100.0, name)
		assert.Greater(t, off[name].LogP, -14.0, name)
		assert.Greater(t, right[name].Scored, 500, name)
	}
	assert.Less(t, wrong[vendorLayer].LogP, -100.0, "the vendor's layer outlives epochs")
	assert.Greater(t, wrong[epochLayer].LogP, -14.0, "another epoch's key finds nothing")
	assert.Greater(t, right[accountLayer].LogP, -14.0, "nor does the key of an account that never asked")
}

func TestServeStopsWhenAsked(t *testing.T) {
	v, prompts := smallVendor(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := v.serve(ctx, prompts, 40, markOn, newLuck(1), quiet())
	assert.ErrorIs(t, err, context.Canceled)
}
