package conformance

import (
	"encoding/json"
	"testing"
)

// A Text is what the rows of vllm, sglang and transformers say of a text. The row's
// type embeds it and adds what the engine's detector found.
type Text struct {
	ID            string          `json:"id"`
	Kind          string          `json:"kind"`
	Engine        string          `json:"engine"`
	EngineVersion string          `json:"engine_version"`
	Config        json.RawMessage `json:"config"`
	Model         string          `json:"model"`
	VocabSize     int             `json:"vocab_size"`
	Temperature   float64         `json:"temperature"`
	TopK          int             `json:"top_k"`
	Prompt        []int32         `json:"prompt_ids"`
	Completion    []int32         `json:"completion_ids"`
	Trace         string          `json:"trace"`
}

// Check fails for tags that are not known, and for another engine than the test is of.
func (x Text) Check(t testing.TB, engine, version string) {
	t.Helper()
	wantEngine, wantVersion := engine, version
	switch x.Kind {
	case "marked", "edge", "long":
	case "unmarked":
		wantEngine, wantVersion = "none", ""
	default:
		t.Fatalf("%s: unknown kind %q", x.ID, x.Kind)
	}
	if x.Engine != wantEngine || x.EngineVersion != wantVersion {
		t.Fatalf("%s: engine is %q version %q, want %q version %q", x.ID, x.Engine, x.EngineVersion, wantEngine, wantVersion)
	}
}
