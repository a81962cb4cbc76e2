package httpapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/golden"
)

// The types that pages read answers with are those of the description. (openapi-typescript would make them, but of TypeScript's compiler it takes what
// version 7 has no more.)
func TestTypesOfPagesAreThoseOfTheDescription(t *testing.T) {
	var document struct {
		Components struct {
			Schemas map[string]schema `json:"schemas"`
		} `json:"components"`
	}
	require.NoError(t, json.Unmarshal([]byte(makeDescription(t)), &document))
	var b strings.Builder
	b.WriteString("// The documents of the API, made of /openapi.json. Do not edit: go test -update ./cmd/sluice/internal/httpapi makes it.\n")
	for _, name := range slices.Sorted(maps.Keys(document.Components.Schemas)) {
		one := document.Components.Schemas[name]
		b.WriteString("\n" + comment("", one.Description))
		if one.Properties == nil {
			fmt.Fprintf(&b, "export type %s = %s;\n", name, one.typescript())
			continue
		}
		fmt.Fprintf(&b, "export interface %s {\n", name)
		for _, field := range slices.Sorted(maps.Keys(one.Properties)) {
			mark := "?"
			if slices.Contains(one.Required, field) {
				mark = ""
			}
			property := one.Properties[field]
			fmt.Fprintf(&b, "%s  %s%s: %s;\n", comment("  ", property.Description), field, mark, property.typescript())
		}
		b.WriteString("}\n")
	}
	golden.Require(t, "../../../../public/src/server/schema.ts", b.String())
}

// schema is what is used of JSON Schema.
type schema struct {
	Ref         string            `json:"$ref"`
	Type        string            `json:"type"`
	Description string            `json:"description"`
	Enum        []string          `json:"enum"`
	OneOf       []schema          `json:"oneOf"`
	Items       *schema           `json:"items"`
	Properties  map[string]schema `json:"properties"`
	Required    []string          `json:"required"`
}

func (s schema) typescript() string {
	switch {
	case s.Ref != "":
		return s.Ref[strings.LastIndex(s.Ref, "/")+1:]
	case len(s.Enum) > 0:
		return `"` + strings.Join(s.Enum, `" | "`) + `"`
	case len(s.OneOf) > 0:
		var all []string
		for _, one := range s.OneOf {
			all = append(all, one.typescript())
		}
		return strings.Join(all, " | ")
	case s.Items != nil:
		return s.Items.typescript() + "[]"
	case s.Type == "integer":
		return "number"
	}
	return s.Type
}

func comment(indent, text string) string {
	if text == "" {
		return ""
	}
	return indent + "/** " + strings.Join(strings.Fields(text), " ") + " */\n"
}
