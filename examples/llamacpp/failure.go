package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/dyetrace/dyetrace/examples/llamacpp/engine"
)

// A failure is an error in the form of OpenAI's API.
type failure struct {
	status int

	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

func (f *failure) Error() string { return f.Message }

// invalid is a request that cannot be answered, for the sake of one parameter or,
// if that is empty, of all of it.
func invalid(param, format string, args ...any) *failure {
	f := &failure{status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...), Type: "invalid_request_error"}
	if param != "" {
		f.Param = &param
	}
	return f
}

// as sets the status and the code of a failure.
func (f *failure) as(status int, code string) *failure {
	f.status, f.Code = status, &code
	return f
}

var (
	errNoKey    = invalid("", "You didn't provide an API key. Send it in the header Authorization, as Bearer YOUR_KEY.").as(http.StatusUnauthorized, "invalid_api_key")
	errWrongKey = invalid("", "Incorrect API key provided.").as(http.StatusUnauthorized, "invalid_api_key") // which is not repeated
	errBusy     = &failure{status: http.StatusServiceUnavailable, Message: "The engine is currently overloaded, please try again later.", Type: "server_error", Code: ptr("engine_overloaded")}
	errEnding   = &failure{status: http.StatusServiceUnavailable, Message: "The server is shutting down.", Type: "server_error", Code: ptr("shutting_down")}
)

func ptr[T any](v T) *T { return &v }

// failed returns what a client is told of an error.
func (s *server) failed(err error) *failure {
	var f *failure
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, engine.ErrBusy):
		return errBusy
	case errors.Is(err, engine.ErrClosed):
		return errEnding
	case errors.Is(err, engine.ErrRequest):
		return invalid("", "%v", err)
	}
	s.log.Printf("request failed: %v", err)
	s.metrics.errors.Add(1)
	return &failure{status: http.StatusInternalServerError, Message: "The server had an error while processing your request.", Type: "server_error"}
}

// fail answers with a failure.
func fail(w http.ResponseWriter, f *failure) {
	if f.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, f.status, map[string]any{"error": f})
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil { // values here are of this program's own types
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that is gone is counted
}
