package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// jsonRules are JSON in llama.cpp's GBNF. White space is bounded, or a small model
// writes nothing else.
const jsonRules = `object ::= "{" ws ( member ( "," ws member )* )? "}" ws
member ::= string ":" ws value
array ::= "[" ws ( value ( "," ws value )* )? "]" ws
value ::= object | array | string | number | boolean | null
string ::= "\"" char* "\"" ws
char ::= [^"\\\x00-\x1F] | "\\" ( ["\\/bfnrt] | "u" [0-9a-fA-F]{4} )
number ::= "-"? integral ( "." [0-9]{1,15} )? ( [eE] [-+]? [0-9]{1,3} )? ws
integer ::= "-"? integral ws
integral ::= "0" | [1-9] [0-9]{0,15}
boolean ::= ( "true" | "false" ) ws
null ::= "null" ws
ws ::= | " " | "\n" [ \t]{0,8}
`

// form reads what form an answer must have, and which tools are offered.
func (a *ask) form(w *wireRequest, d dialect) error {
	if a.chat {
		box, grammar, err := readTools(w, d)
		if err != nil {
			return err
		}
		a.tools, a.request.Sampling.Grammar = box, grammar
	}
	grammar, err := formatGrammar(w)
	if err != nil || grammar == "" {
		return err
	}
	if a.tools != nil {
		return invalid("response_format", "'response_format' and 'tools' are both set, want one of them.")
	}
	a.request.Sampling.Grammar = grammar
	return nil
}

// formatGrammar is the grammar of a response format, "" where text is free.
func formatGrammar(w *wireRequest) (string, error) {
	f := w.ResponseFormat
	if f == nil || f.Type == "text" {
		return w.Grammar, nil
	}
	if w.Grammar != "" {
		return "", invalid("grammar", "'grammar' and 'response_format' are both set, want one of them.")
	}
	switch f.Type {
	case "json_object":
		return "root ::= object\n" + jsonRules, nil
	case "json_schema":
		if f.JSONSchema == nil || len(f.JSONSchema.Schema) == 0 {
			return "", invalid("response_format.json_schema.schema", "'response_format.json_schema.schema' is missing.")
		}
		g := rules{strict: true}
		root, err := g.visit(f.JSONSchema.Schema, 0)
		if err != nil {
			return "", invalid("response_format.json_schema.schema", "Invalid schema: %v.", err)
		}
		return "root ::= " + root + "\n" + g.String(), nil
	}
	return "", invalid("response_format.type", "'response_format.type' is '%s', want 'text', 'json_object' or 'json_schema'.", brief(f.Type))
}

// grammar makes an answer one call or several of the given tools, in the dialect.
func (b *toolbox) grammar(callable []wireTool) (string, error) {
	g := rules{}
	var calls []string
	for _, t := range callable {
		arguments := "object"
		if p := t.Function.Parameters; len(p) > 0 && string(p) != "null" {
			var err error
			if arguments, err = g.visit(p, 0); err != nil {
				return "", invalid("tools", "Invalid parameters of function '%s': %v.", t.Function.Name, err)
			}
		}
		calls = append(calls, fmt.Sprintf("%s %s", literal(fmt.Sprintf(`{"name": "%s", "%s": `, t.Function.Name, b.dialect.arguments)), arguments)+` "}"`)
	}
	one := g.add("( " + strings.Join(calls, " | ") + " )")
	d := b.dialect
	switch {
	case d.close != "":
		one = g.add(literal(d.open+"\n") + " " + one + " " + literal("\n"+d.close))
		if !b.one {
			one += " ( \"\\n\" " + one + " ){0,7}"
		}
	case d.arguments == "parameters": // Llama 3 makes one
	default: // Mistral
		if !b.one {
			one += " ( \", \" " + one + " ){0,7}"
		}
		one = literal("[") + " " + one + " " + literal("]")
	}
	return "root ::= " + one + "\n" + g.String(), nil
}

// Rules are a grammar that grows, rule by rule.
type rules struct {
	strict bool // schemas hold, and what cannot be held to is refused
	lines  []string
}

func (g *rules) String() string { return strings.Join(g.lines, "") + jsonRules }

// add adds a rule and returns its name.
func (g *rules) add(body string) string {
	name := "r" + strconv.Itoa(len(g.lines))
	g.lines = append(g.lines, name+" ::= "+body+"\n")
	return name
}

// literal is a text as GBNF quotes it.
func literal(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(text) + `"`
}

// Limits of a schema.
const (
	mostDepth   = 16
	mostMembers = 64
	mostRules   = 1024
)

// A schema is a JSON schema, as far as it is held to.
type schema struct {
	Type       json.RawMessage   `json:"type"`
	Enum       []json.RawMessage `json:"enum"`
	Const      json.RawMessage   `json:"const"`
	AnyOf      []json.RawMessage `json:"anyOf"`
	OneOf      []json.RawMessage `json:"oneOf"`
	Properties json.RawMessage   `json:"properties"`
	Required   []string          `json:"required"`
	Items      json.RawMessage   `json:"items"`
	MinItems   *int              `json:"minItems"`
	MaxItems   *int              `json:"maxItems"`
}

// said are the keywords of a schema that change nothing here.
var said = []string{"type", "enum", "const", "anyOf", "oneOf", "properties", "required", "items", "minItems", "maxItems",
	"additionalProperties", "title", "description", "default", "examples", "$schema", "$id"}

// visit returns what a value of a schema is, as part of a rule.
func (g *rules) visit(raw json.RawMessage, depth int) (string, error) {
	if depth > mostDepth || len(g.lines) > mostRules {
		return "", fmt.Errorf("schema is too large, want at most %d levels and %d rules", mostDepth, mostRules)
	}
	if string(raw) == "true" {
		return "value", nil
	}
	names, _, err := orderedMembers(raw)
	if err != nil {
		return "", err
	}
	if i := slices.IndexFunc(names, func(n string) bool { return !slices.Contains(said, n) }); i >= 0 && g.strict {
		return "", fmt.Errorf("keyword '%s' is not supported", brief(names[i]))
	}
	var s schema
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", fmt.Errorf("schema is not what JSON Schema says: %v", err)
	}
	switch {
	case s.Const != nil:
		return g.constants([]json.RawMessage{s.Const})
	case s.Enum != nil:
		return g.constants(s.Enum)
	case s.AnyOf != nil || s.OneOf != nil:
		return g.any(append(s.AnyOf, s.OneOf...), depth)
	}
	types := []string{""}
	if s.Type != nil && json.Unmarshal(s.Type, &types[0]) != nil && json.Unmarshal(s.Type, &types) != nil {
		return "", fmt.Errorf("type is neither a word nor a list of words")
	}
	var any []string
	for _, t := range types {
		one, err := g.kind(t, &s, depth)
		if err != nil {
			return "", err
		}
		any = append(any, one)
	}
	return "( " + strings.Join(any, " | ") + " )", nil
}

func (g *rules) any(all []json.RawMessage, depth int) (string, error) {
	var any []string
	for _, one := range all {
		rule, err := g.visit(one, depth+1)
		if err != nil {
			return "", err
		}
		any = append(any, rule)
	}
	if len(any) == 0 {
		return "", fmt.Errorf("anyOf is empty")
	}
	return g.add(strings.Join(any, " | ")), nil
}

func (g *rules) constants(all []json.RawMessage) (string, error) {
	var any []string
	for _, one := range all {
		var compact bytes.Buffer
		if err := json.Compact(&compact, one); err != nil {
			return "", err
		}
		any = append(any, literal(compact.String()))
	}
	if len(any) == 0 {
		return "", fmt.Errorf("enum is empty")
	}
	return "( ( " + strings.Join(any, " | ") + " ) ws )", nil
}

func (g *rules) kind(t string, s *schema, depth int) (string, error) {
	switch {
	case t == "string", t == "number", t == "integer", t == "boolean", t == "null":
		return t, nil
	case t == "array":
		return g.array(s, depth)
	case t == "object", t == "" && s.Properties != nil:
		return g.object(s, depth)
	case t == "":
		return "value", nil
	}
	return "", fmt.Errorf("type is '%s', want object, array, string, number, integer, boolean or null", brief(t))
}

func (g *rules) array(s *schema, depth int) (string, error) {
	item := "value"
	if s.Items != nil {
		var err error
		if item, err = g.visit(s.Items, depth+1); err != nil {
			return "", err
		}
	}
	least, most := value(s.MinItems, 0), value(s.MaxItems, -1)
	if least < 0 || least > 1000 || most > 1000 || most >= 0 && most < least {
		return "", fmt.Errorf("array has minItems %d and maxItems %d, want 0 to 1000", least, most)
	}
	if most == 0 {
		return g.add(`"[" ws "]" ws`), nil
	}
	more := fmt.Sprintf("{%d,}", max(0, least-1))
	if most > 0 {
		more = fmt.Sprintf("{%d,%d}", max(0, least-1), most-1)
	}
	items := fmt.Sprintf(`%s ( "," ws %s )%s`, item, item, more)
	if least == 0 {
		items = "( " + items + " )?"
	}
	return g.add(`"[" ws ` + items + ` "]" ws`), nil
}

// object is an object of the named members: the required ones in the order of the
// schema, and then any of the others in theirs.
func (g *rules) object(s *schema, depth int) (string, error) {
	if s.Properties == nil {
		return "object", nil
	}
	names, values, err := orderedMembers(s.Properties)
	if err != nil {
		return "", err
	}
	if len(names) == 0 {
		return g.add(`"{" ws "}" ws`), nil
	}
	if len(names) > mostMembers {
		return "", fmt.Errorf("object has %d properties, want at most %d", len(names), mostMembers)
	}
	var first, rest []string
	for i, name := range names {
		v, err := g.visit(values[i], depth+1)
		if err != nil {
			return "", err
		}
		quoted, _ := json.Marshal(name) // a string
		one := g.add(literal(string(quoted)) + ` ":" ws ` + v)
		if slices.Contains(s.Required, name) {
			first = append(first, one)
		} else {
			rest = append(rest, one)
		}
	}
	optional := func(all []string) (b string) {
		for _, one := range all {
			b += ` ( "," ws ` + one + ` )?`
		}
		return b
	}
	members := strings.Join(first, ` "," ws `) + optional(rest)
	if len(first) == 0 {
		var begins []string
		for i := range rest {
			begins = append(begins, rest[i]+optional(rest[i+1:]))
		}
		members = "( " + strings.Join(begins, " | ") + " )?"
	}
	return g.add(`"{" ws ` + members + ` "}" ws`), nil
}

// orderedMembers returns the members of an object in the order of its text.
func orderedMembers(raw json.RawMessage) (names []string, values []json.RawMessage, err error) {
	in := json.NewDecoder(bytes.NewReader(raw))
	if t, err := in.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, fmt.Errorf("%s is no object", brief(string(raw)))
	}
	for in.More() {
		name, err := in.Token()
		if err != nil {
			return nil, nil, err
		}
		var value json.RawMessage
		if err := in.Decode(&value); err != nil {
			return nil, nil, err
		}
		names, values = append(names, name.(string)), append(values, value)
	}
	return names, values, nil
}
