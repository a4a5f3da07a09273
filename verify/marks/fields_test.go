package marks_test

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/marks"
	"github.com/dyetrace/dyetrace/watermark"
	"github.com/dyetrace/dyetrace/watermark/markllm"
	"github.com/dyetrace/dyetrace/watermark/sglang"
	"github.com/dyetrace/dyetrace/watermark/synthid"
	"github.com/dyetrace/dyetrace/watermark/textseal"
	"github.com/dyetrace/dyetrace/watermark/transformers"
	"github.com/dyetrace/dyetrace/watermark/vllm"
)

// fields asks of every field of a configuration, those that a later version adds too,
// that another value of it makes another spec.
func fields[C marks.Config](t *testing.T, base C, change map[string]func(*C)) {
	t.Helper()
	plain, err := marks.Of(base)
	require.NoError(t, err)
	specs := map[marks.Spec]string{plain: "the default"}
	typ := reflect.TypeFor[C]()
	require.Equal(t, typ.NumField(), len(change), "fields of %v", typ)
	for i := range typ.NumField() {
		name := typ.Field(i).Name
		require.Contains(t, change, name, "%v", typ)
		c := base
		change[name](&c)
		s, err := marks.Of(c)
		require.NoError(t, err, "%v.%s", typ, name)
		assert.Empty(t, specs[s], "%v.%s is in no file", typ, name)
		specs[s] = name
		line, err := s.Encode()
		require.NoError(t, err)
		read, err := marks.Parse(line)
		require.NoError(t, err, "%v.%s", typ, name)
		assert.True(t, read == s)
	}
}

func TestEveryFieldIsInTheFile(t *testing.T) {
	fields(t, marks.Native{Key: testKey(t, 1), Scheme: watermark.Gumbel{}, Layout: testKey(t, 2), Part: watermark.Part{End: 5, Width: 2}}, map[string]func(*marks.Native){
		"Key":    func(c *marks.Native) { c.Key = testKey(t, 3) },
		"Scheme": func(c *marks.Native) { c.Scheme = watermark.DualGumbel{} },
		"Width":  func(c *marks.Native) { c.Width = 2 },
		"Layout": func(c *marks.Native) { c.Layout = testKey(t, 3) },
		"Part":   func(c *marks.Native) { c.Part.Begin = 1 },
	})
	fields(t, vllm.Config{Key: vllm.NewKey(1)}, map[string]func(*vllm.Config){
		"Key":                           func(c *vllm.Config) { c.Key = vllm.NewKey(2) },
		"Algorithm":                     func(c *vllm.Config) { c.Algorithm = vllm.DualKeyGumbel },
		"Alpha":                         func(c *vllm.Config) { c.Alpha = ptr(0.0) },
		"ContextWidth":                  func(c *vllm.Config) { c.ContextWidth = 3 },
		"DeduplicateContexts":           func(c *vllm.Config) { c.DeduplicateContexts = vllm.None },
		"DeduplicateContextsMaxHistory": func(c *vllm.Config) { c.DeduplicateContextsMaxHistory = vllm.Unlimited },
		"AllowTargetOnlyWatermarking":   func(c *vllm.Config) { c.AllowTargetOnlyWatermarking = true },
	})
	fields(t, sglang.Config{Key: sglang.NewKey(1), KeyB: sglang.NewKey(2)}, map[string]func(*sglang.Config){
		"Key":               func(c *sglang.Config) { c.Key = sglang.NewKey(3) },
		"KeyB":              func(c *sglang.Config) { c.KeyB = sglang.Key{} },
		"ContextWindow":     func(c *sglang.Config) { c.ContextWindow = 3 },
		"MixingProbability": func(c *sglang.Config) { c.MixingProbability = 0.3 },
		"MaxProbability":    func(c *sglang.Config) { c.MaxProbability = 0.3 },
		"DefaultEnabled":    func(c *sglang.Config) { c.DefaultEnabled = true },
		"EnforceAll":        func(c *sglang.Config) { c.EnforceAll = true },
	})
	fields(t, transformers.GreenListConfig{HashingKey: transformers.NewHashingKey(1), VocabSize: 100}, map[string]func(*transformers.GreenListConfig){
		"GreenlistRatio": func(c *transformers.GreenListConfig) { c.GreenlistRatio = 0.251 },
		"Bias":           func(c *transformers.GreenListConfig) { c.Bias = 3 },
		"HashingKey":     func(c *transformers.GreenListConfig) { c.HashingKey = transformers.NewHashingKey(2) },
		"SeedingScheme":  func(c *transformers.GreenListConfig) { c.SeedingScheme = transformers.SelfHash },
		"ContextWidth":   func(c *transformers.GreenListConfig) { c.ContextWidth = 2 },
		"VocabSize":      func(c *transformers.GreenListConfig) { c.VocabSize = 101 },
		"CacheBytes":     func(c *transformers.GreenListConfig) { c.CacheBytes = 5 },
	})
	fields(t, transformers.SynthIDConfig{NgramLen: 5, Keys: synthid.NewKeys(1, 2), SamplingTableSize: 16}, map[string]func(*transformers.SynthIDConfig){
		"NgramLen":            func(c *transformers.SynthIDConfig) { c.NgramLen = 4 },
		"Keys":                func(c *transformers.SynthIDConfig) { c.Keys = synthid.NewKeys(1, 3) },
		"ContextHistorySize":  func(c *transformers.SynthIDConfig) { c.ContextHistorySize = synthid.NoHistory },
		"SamplingTableSeed":   func(c *transformers.SynthIDConfig) { c.SamplingTableSeed = 1 },
		"SamplingTableSize":   func(c *transformers.SynthIDConfig) { c.SamplingTableSize = 17 },
		"SkipFirstNgramCalls": func(c *transformers.SynthIDConfig) { c.SkipFirstNgramCalls = true },
		"SamplingTable":       func(c *transformers.SynthIDConfig) { c.SamplingTable = sampleTable(16) },
		"SamplingTableSHA256": func(c *transformers.SynthIDConfig) { c.SamplingTableSHA256 = sumOf(drawn(t, 16)) },
		"VocabSize":           func(c *transformers.SynthIDConfig) { c.VocabSize = 5 },
	})
	fields(t, synthid.Config{Keys: synthid.NewKeys(1, 2), SamplingTableSize: 16}, map[string]func(*synthid.Config){
		"Hash":                func(c *synthid.Config) { c.Hash = synthid.TableFree },
		"NgramLen":            func(c *synthid.Config) { c.NgramLen = 4 },
		"Keys":                func(c *synthid.Config) { c.Keys = synthid.NewKeys(1) },
		"ContextHistorySize":  func(c *synthid.Config) { c.ContextHistorySize = synthid.NoHistory },
		"SamplingTableSeed":   func(c *synthid.Config) { c.SamplingTableSeed = 1 },
		"SamplingTableSize":   func(c *synthid.Config) { c.SamplingTableSize = 17 },
		"SkipFirstNgramCalls": func(c *synthid.Config) { c.SkipFirstNgramCalls = true },
		"NumLeaves":           func(c *synthid.Config) { c.NumLeaves = 3 },
		"SamplingTable":       func(c *synthid.Config) { c.SamplingTable = sampleTable(16) },
		"SamplingTableSHA256": func(c *synthid.Config) { c.SamplingTableSHA256 = sumOf(drawn(t, 16)) },
		"VocabSize":           func(c *synthid.Config) { c.VocabSize = 5 },
	})
	// Fields that the type of mark does not have are in no file of it.
	type seal = textseal.Config
	fields(t, seal{SecretKey: textseal.NewKey(1)}, map[string]func(*seal){
		"WatermarkType": func(c *seal) { c.WatermarkType = textseal.GreenList },
		"SecretKey":     func(c *seal) { c.SecretKey = textseal.NewKey(2) },
		"Ngram":         func(c *seal) { c.Ngram = 2 },
		"Gamma":         func(c *seal) { c.WatermarkType, c.Gamma = textseal.GreenList, 0.3 },
		"Delta":         func(c *seal) { c.WatermarkType, c.Delta = textseal.GreenList, 3 },
		"Depth":         func(c *seal) { c.WatermarkType, c.Depth = textseal.SynthID, 3 },
		"BeforeTopP":    func(c *seal) { c.WatermarkType, c.BeforeTopP = textseal.GreenList, true },
		"ScoringMethod": func(c *seal) { c.ScoringMethod = textseal.V1 },
		"SecretKeyB":    func(c *seal) { c.WatermarkType, c.SecretKeyB = textseal.TextSeal, textseal.NewKey(2) },
		"MixingAlpha":   func(c *seal) { c.WatermarkType, c.MixingAlpha = textseal.TextSeal, 0.3 },
		"VocabSize":     func(c *seal) { c.VocabSize = 5 },
	})
	fields(t, markllm.KGWConfig{HashKey: markllm.NewHashKey(1), VocabSize: 100}, map[string]func(*markllm.KGWConfig){
		"Gamma":        func(c *markllm.KGWConfig) { c.Gamma = 0.501 },
		"Delta":        func(c *markllm.KGWConfig) { c.Delta = 3 },
		"HashKey":      func(c *markllm.KGWConfig) { c.HashKey = markllm.NewHashKey(2) },
		"PrefixLength": func(c *markllm.KGWConfig) { c.PrefixLength = 2 },
		"ZThreshold":   func(c *markllm.KGWConfig) { c.ZThreshold = -4 },
		"FScheme":      func(c *markllm.KGWConfig) { c.FScheme = markllm.Min },
		"VocabSize":    func(c *markllm.KGWConfig) { c.VocabSize = 101 },
	})
	fields(t, markllm.UnigramConfig{HashKey: markllm.NewHashKey(1), VocabSize: 100}, map[string]func(*markllm.UnigramConfig){
		"Gamma":      func(c *markllm.UnigramConfig) { c.Gamma = 0.501 },
		"Delta":      func(c *markllm.UnigramConfig) { c.Delta = 3 },
		"HashKey":    func(c *markllm.UnigramConfig) { c.HashKey = markllm.NewHashKey(2) },
		"ZThreshold": func(c *markllm.UnigramConfig) { c.ZThreshold = -4 },
		"VocabSize":  func(c *markllm.UnigramConfig) { c.VocabSize = 101 },
	})
	fields(t, markllm.EXPConfig{HashKey: markllm.NewHashKey(1), VocabSize: 100}, map[string]func(*markllm.EXPConfig){
		"PrefixLength": func(c *markllm.EXPConfig) { c.PrefixLength = 2 },
		"HashKey":      func(c *markllm.EXPConfig) { c.HashKey = markllm.NewHashKey(2) },
		"Threshold":    func(c *markllm.EXPConfig) { c.Threshold = 1e-5 },
		"VocabSize":    func(c *markllm.EXPConfig) { c.VocabSize = 101 },
	})
}

// drawn returns the table of seed 0.
func drawn(t *testing.T, size int) []byte {
	t.Helper()
	table, err := synthid.SamplingTable(0, size)
	require.NoError(t, err)
	return table
}
