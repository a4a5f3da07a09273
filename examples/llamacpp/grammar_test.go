package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func schemaGrammar(t testing.TB, schema string) (string, error) {
	t.Helper()
	var w wireRequest
	require.NoError(t, json.Unmarshal([]byte(`{"response_format":{"type":"json_schema","json_schema":{"schema":`+schema+`}}}`), &w))
	return formatGrammar(&w)
}

func TestSchema(t *testing.T) {
	g, err := schemaGrammar(t, `{"type":"object","properties":{"b":{"type":"string"},"a":{"type":["integer","null"]},"c":{"enum":["x\"y",1]}},"required":["b","a"],"additionalProperties":false}`)
	require.NoError(t, err)
	assert.Contains(t, g, `r0 ::= "\"b\"" ":" ws ( string )`)
	assert.Contains(t, g, `r1 ::= "\"a\"" ":" ws ( integer | null )`)
	assert.Contains(t, g, `r2 ::= "\"c\"" ":" ws ( ( "\"x\\\"y\"" | "1" ) ws )`)
	assert.Contains(t, g, `r3 ::= "{" ws r0 "," ws r1 ( "," ws r2 )? "}" ws`)
	assert.True(t, strings.HasPrefix(g, "root ::= ( r3 )\n"), g)

	g, err = schemaGrammar(t, `{"properties":{"a":true,"b":{"const":null}}}`)
	require.NoError(t, err)
	assert.Contains(t, g, `"{" ws ( r0 ( "," ws r1 )? | r1 )? "}" ws`)

	g, err = schemaGrammar(t, `{"type":"array","items":{"anyOf":[{"type":"number"},{"type":"boolean"}]},"minItems":2,"maxItems":3}`)
	require.NoError(t, err)
	assert.Contains(t, g, `r0 ::= ( number ) | ( boolean )`)
	assert.Contains(t, g, `r1 ::= "[" ws r0 ( "," ws r0 ){1,2} "]" ws`)

	for schema, want := range map[string]string{
		`{"type":"string","pattern":"a+"}`: "keyword 'pattern' is not supported",
		`{"type":"thing"}`:                 "type is 'thing', want object",
		`{"enum":[]}`:                      "enum is empty",
		`{"anyOf":[]}`:                     "anyOf is empty",
		`[]`:                               "is no object",
		`{"type":3}`:                       "type is neither",
		`{"type":"array","minItems":3,"maxItems":2}`: "minItems 3 and maxItems 2",
		`{"properties":3}`:                           "3 is no object",
		strings.Repeat(`{"type":"array","items":`, 20) + "true" + strings.Repeat("}", 20): "schema is too large",
	} {
		_, err := schemaGrammar(t, schema)
		require.Error(t, err, schema)
		assert.Contains(t, err.Error(), want)
	}
}

func TestFormats(t *testing.T) {
	for body, want := range map[string]string{
		`{"response_format":{"type":"text"}}`:                            "",
		`{"response_format":{"type":"json_object"}}`:                     "root ::= object\n",
		`{"grammar":"root ::= \"a\""}`:                                   `root ::= "a"`,
		`{"response_format":{"type":"text"},"grammar":"root ::= \"a\""}`: `root ::= "a"`,
	} {
		var w wireRequest
		require.NoError(t, json.Unmarshal([]byte(body), &w))
		g, err := formatGrammar(&w)
		require.NoError(t, err)
		assert.True(t, strings.HasPrefix(g, want), "%s: %s", body, g)
	}
	for body, want := range map[string]string{
		`{"response_format":{"type":"xml"}}`:                          "'response_format.type' is 'xml'",
		`{"response_format":{"type":"json_schema"}}`:                  "is missing",
		`{"response_format":{"type":"json_object"},"grammar":"root"}`: "both set",
	} {
		var w wireRequest
		require.NoError(t, json.Unmarshal([]byte(body), &w))
		_, err := formatGrammar(&w)
		require.ErrorContains(t, err, want)
	}
}
