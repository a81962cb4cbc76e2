package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
)

// Flags is what a command line says about the configuration. Commands embed what NewFlags returns, and kong fills it in.
type Flags struct {
	File    string       `name:"config" placeholder:"PATH" help:"YAML file to read"`
	Keys    kong.Plugins `embed:""`                     // one struct with a field for each key, in the order of the table
	Surplus []string     `arg:"" optional:"" hidden:""` // arguments that nobody expects
}

// NewFlags returns a flag for each key.
func NewFlags() Flags {
	var fields []reflect.StructField
	defaults := Default()
	for i, k := range defaults.keys() {
		kind := reflect.TypeFor[texts]()
		if k.kind == kindBool {
			kind = reflect.TypeFor[boolTexts]()
		}
		tag := fmt.Sprintf("name:%q group:%q placeholder:%q help:%q", k.flagName(), k.group+":", strings.ToUpper(string(k.kind)), k.helpWithDefault())
		fields = append(fields, reflect.StructField{Name: fmt.Sprintf("Key%d", i), Type: kind, Tag: reflect.StructTag(tag)})
	}
	return Flags{Keys: kong.Plugins{reflect.New(reflect.StructOf(fields)).Interface()}}
}

// helpWithDefault is the help of a flag.
func (k key) helpWithDefault() string {
	if byDefault := k.value.text(); byDefault != "" {
		return k.help + " (default " + byDefault + ")"
	}
	return k.help
}

// texts returns what was given for the key of that place in the table.
func (f *Flags) texts(i int) []string {
	switch t := reflect.ValueOf(f.Keys[0]).Elem().Field(i).Interface().(type) {
	case texts:
		return t
	case boolTexts:
		return t
	}
	return nil
}

// texts are the values of one flag as they were written, so that every fault is found later, in one place.
type texts []string

// Decode implements kong.MapperValue.
func (t *texts) Decode(ctx *kong.DecodeContext) error {
	token := ctx.Scan.Pop() // a key may begin with -, which kong's own PopValue refuses
	if token.IsEOL() {
		return errors.New("needs a value")
	}
	*t = append(*t, token.String())
	return nil
}

// boolTexts are those of a flag that may stand alone.
type boolTexts []string

// IsBool implements kong.BoolMapperValue.
func (*boolTexts) IsBool() bool { return true }

// Decode implements kong.MapperValue.
func (t *boolTexts) Decode(ctx *kong.DecodeContext) error {
	text := "true"
	if ctx.Scan.Peek().Type == kong.FlagValueToken {
		text = ctx.Scan.Pop().String()
	}
	*t = append(*t, text)
	return nil
}

// Surroundings is what a configuration is loaded from beside its flags.
type Surroundings struct {
	Environ []string // as os.Environ returns it
	Faults  error    // what is wrong with the command line already, to be told with the rest
	// Sockets are the addresses that the service manager listens on for us, by key.
	Sockets map[string]string
}

// Load reads the configuration from the sockets, the flags, the environment and the file that --config names, in that order of precedence
// over the defaults. The error, of exit status 2, lists everything that is wrong, each with the place where it was written.
func (f *Flags) Load(from Surroundings) (*Loaded, error) {
	l := newLoaded()
	l.fail(from.Faults)
	if from.Faults == nil && len(f.Surplus) > 0 {
		l.fail(fmt.Errorf("argument %q: nothing is expected here", f.Surplus[0]))
	}
	l.load(f, from)
	return l, l.err()
}
