package main

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// A wireRequest is the body of a request to either endpoint: OpenAI's fields, and
// those that llama.cpp and vLLM know besides. Fields that are not here are not
// looked at.
type wireRequest struct {
	Model         string          `json:"model"`
	Messages      []wireMessage   `json:"messages"` // chat
	Prompt        json.RawMessage `json:"prompt"`   // completions
	Stream        bool            `json:"stream"`
	StreamOptions *struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`

	N                   *int     `json:"n"`
	BestOf              *int     `json:"best_of"`
	MaxTokens           *int     `json:"max_tokens"`
	MaxCompletionTokens *int     `json:"max_completion_tokens"`
	Stop                stopList `json:"stop"`

	Seed              *int64             `json:"seed"`
	Temperature       *float64           `json:"temperature"`
	TopK              *int               `json:"top_k"`
	TopP              *float64           `json:"top_p"`
	MinP              *float64           `json:"min_p"`
	RepeatPenalty     *float64           `json:"repeat_penalty"`     // llama.cpp
	RepetitionPenalty *float64           `json:"repetition_penalty"` // vLLM
	RepeatLastN       *int               `json:"repeat_last_n"`      // llama.cpp
	FrequencyPenalty  *float64           `json:"frequency_penalty"`
	PresencePenalty   *float64           `json:"presence_penalty"`
	LogitBias         map[string]float64 `json:"logit_bias"`

	LogProbs       json.RawMessage `json:"logprobs"` // chat: a bool; completions: a number
	TopLogProbs    *int            `json:"top_logprobs"`
	Echo           bool            `json:"echo"`
	Suffix         *string         `json:"suffix"`
	ReturnTokenIDs bool            `json:"return_token_ids"` // vLLM
	Speculate      *bool           `json:"speculate"`        // this server's

	ResponseFormat    *responseFormat `json:"response_format"`
	Grammar           string          `json:"grammar"` // llama.cpp: GBNF
	Tools             []wireTool      `json:"tools"`
	ToolChoice        json.RawMessage `json:"tool_choice"`
	ParallelToolCalls *bool           `json:"parallel_tool_calls"`
	Functions         json.RawMessage `json:"functions"`
	Modalities        []string        `json:"modalities"`
}

// A wireMessage is one of a chat.
type wireMessage struct {
	Role       string          `json:"role"`
	Content    json.RawMessage `json:"content"`
	Name       string          `json:"name"`
	ToolCallID string          `json:"tool_call_id"`
	ToolCalls  []wireCall      `json:"tool_calls"`
}

type responseFormat struct {
	Type       string `json:"type"`
	JSONSchema *struct {
		Schema json.RawMessage `json:"schema"`
	} `json:"json_schema"`
}

// A wireTool is a tool that is offered.
type wireTool struct {
	Type     string `json:"type"`
	Function struct {
		Name        string          `json:"name"`
		Description string          `json:"description,omitempty"`
		Parameters  json.RawMessage `json:"parameters,omitempty"`
	} `json:"function"`
}

// A wireCall is a call of a tool, in requests and in answers.
type wireCall struct {
	Index    *int   `json:"index,omitempty"` // in streams
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

// A stopList is one string or several.
type stopList []string

// UnmarshalJSON implements json.Unmarshaler.
func (s *stopList) UnmarshalJSON(data []byte) error {
	var one *string
	if json.Unmarshal(data, &one) == nil {
		*s = nil
		if one != nil {
			*s = stopList{*one}
		}
		return nil
	}
	var many []string
	if err := json.Unmarshal(data, &many); err != nil {
		return invalid("stop", "Invalid type for 'stop': want a string or a list of strings.")
	}
	*s = many
	return nil
}

// text is the text of a message's content: a string, or a list of parts, all of
// them text.
func (m *wireMessage) text(param string) (string, error) {
	raw := bytes.TrimSpace(m.Content)
	if len(raw) == 0 || string(raw) == "null" {
		return "", nil
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s, nil
	}
	var parts []struct {
		Type string  `json:"type"`
		Text *string `json:"text"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return "", invalid(param, "Invalid type for '%s': want a string or a list of parts.", param)
	}
	for i, p := range parts {
		if p.Type != "text" || p.Text == nil {
			return "", invalid(fmt.Sprintf("%s[%d]", param, i), "Invalid value for '%s[%d].type': '%s'. This model reads parts of type 'text' only.", param, i, brief(p.Type))
		}
		s += *p.Text
	}
	return s, nil
}

// brief cuts what a client said to what an error may repeat.
func brief(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

// An answerBody is an answer, or a piece of one that is streamed.
type answerBody struct {
	ID          string       `json:"id"`
	Object      string       `json:"object"`
	Created     int64        `json:"created"`
	Model       string       `json:"model"`
	Fingerprint string       `json:"system_fingerprint"`
	Choices     []choiceBody `json:"choices"`
	Usage       *usage       `json:"usage,omitempty"`
}

type choiceBody struct {
	Index          int          `json:"index"`
	Message        *messageBody `json:"message,omitempty"` // chat
	Delta          *deltaBody   `json:"delta,omitempty"`   // chat, streamed
	Text           *string      `json:"text,omitempty"`    // completions
	LogProbs       any          `json:"logprobs"`
	FinishReason   *string      `json:"finish_reason"`
	TokenIDs       []int32      `json:"token_ids,omitempty"`
	PromptTokenIDs []int32      `json:"prompt_token_ids,omitempty"`
}

type messageBody struct {
	Role      string     `json:"role"`
	Content   *string    `json:"content"`
	Refusal   *string    `json:"refusal"`
	ToolCalls []wireCall `json:"tool_calls,omitempty"`
}

type deltaBody struct {
	Role      string     `json:"role,omitempty"`
	Content   *string    `json:"content,omitempty"`
	ToolCalls []wireCall `json:"tool_calls,omitempty"`
}

type usage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
	Total      int `json:"total_tokens"`
}

func newUsage(prompt, completion int) *usage { return &usage{prompt, completion, prompt + completion} }
