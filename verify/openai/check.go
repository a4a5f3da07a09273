package openai

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// Check asks the server for its models (GET /v1/models). It reports a server
// that cannot be reached, a key that is not accepted, and a list without the
// Config's model in it; a server that keeps no list cannot be checked and is
// reported too. llama.cpp answers under any name, so its list is not looked at.
//
// [collect.Run] keeps an answer that failed and does not ask again, so a request of a
// kind that the server does not take spoils a collection. Check first, and ask one
// question of each kind by hand.
func (c *Client) Check(ctx context.Context) error {
	const path = "/models"
	data, err := c.ask(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	var list struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return c.hidden(fmt.Errorf("openai: %s: %w", path, err))
	}
	var names []string
	for _, m := range list.Data {
		names = append(names, m.ID)
	}
	if c.cfg.Server != LlamaCPP && !slices.Contains(names, c.cfg.Model) {
		return fmt.Errorf("openai: the server has no model %q, it has %s", c.cfg.Model, c.brief(fmt.Sprintf("%q", names)))
	}
	return nil
}
