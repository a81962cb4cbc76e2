// Package command reads command lines with kong: which command is meant, its flags and arguments, and everything that is wrong with
// them at once. It knows no command; each says in the tags of a struct what it takes.
//
// It starts no goroutine.
package command

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
)

// HelpWidth is the longest line of a help text, in characters.
const HelpWidth = 96

// ErrHelp says that help was asked for, and has been printed.
var ErrHelp = errors.New("help was printed")

// DurationParser reads a duration the way that the configuration is written.
type DurationParser func(string) (time.Duration, error)

// Parse reads args (without the program's name) into the grammar, a pointer to a struct with kong's tags, and prints help to out. The
// error, of exit status 2, lists every unknown flag. The context is nil when nothing can be run; otherwise what is known was read
// although there is an error.
func Parse(grammar any, args []string, out io.Writer, durations DurationParser) (*kong.Context, error) {
	helped := false
	parser, err := kong.New(grammar, kong.Name("sluice"), kong.Description("sluice turns a browser's webcam into HLS and DASH."+overview),
		kong.Writers(out, out), kong.Exit(func(int) { helped = true }),
		kong.ConfigureHelp(helpOptions()), kong.Help(printHelp),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(durations.decode)))
	if err != nil {
		return nil, err
	}
	if len(args) > 0 && args[0] == "help" {
		args = append(args[1:len(args):len(args)], "--help")
	}
	if len(args) == 1 && (args[0] == "--help" || args[0] == "-h") {
		return nil, printOverview(parser)
	}
	node, err := commandOf(parser.Model, args)
	if err != nil {
		return nil, exit.Usage(err)
	}
	args, unknown := withoutUnknown(node, args)
	ctx, err := parser.Parse(args)
	switch {
	case helped:
		return nil, ErrHelp
	case err != nil && unknown == nil:
		return nil, exit.Usage(fmt.Errorf("%w, see sluice %s --help", err, node.Name))
	case err != nil:
		return nil, exit.Usage(unknown) // which may be why the rest is not understood
	}
	return ctx, exit.Usage(unknown)
}

// overview follows the description in the help of the program.
const overview = `

Examples:

    sluice                                       serve on http://127.0.0.1:8080
    sluice publish test http://127.0.0.1:8080/whip/demo
    sluice doctor
    sluice ctl streams
    sluice help serve
` + exit.Help

func helpOptions() kong.HelpOptions {
	return kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: HelpWidth}
}

// printHelp leaves out hidden arguments, which kong's own printer shows.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	if node := ctx.Selected(); node != nil {
		node.Positional = slices.DeleteFunc(node.Positional, func(p *kong.Positional) bool { return p.Tag.Hidden })
	}
	return kong.DefaultHelpPrinter(options, ctx)
}

// printOverview prints the help of the program instead of that of its default command.
func printOverview(parser *kong.Kong) error {
	ctx, err := kong.Trace(parser, nil)
	if err != nil {
		return err
	}
	ctx.Path = ctx.Path[:1]
	if err := kong.DefaultHelpPrinter(helpOptions(), ctx); err != nil {
		return err
	}
	return ErrHelp
}

// commandOf returns the command that args begin with, or else the default one.
func commandOf(app *kong.Application, args []string) (*kong.Node, error) {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") || len(app.Children) == 0 {
		if app.DefaultCmd != nil {
			return app.DefaultCmd, nil
		}
		return app.Node, nil
	}
	for _, child := range app.Children {
		if child.Name == args[0] {
			return child, nil
		}
	}
	return nil, fmt.Errorf("there is no command %q, see sluice help", args[0])
}

// withoutUnknown takes the flags out of args that the command does not have, and names each in the error.
func withoutUnknown(node *kong.Node, args []string) (known []string, err error) {
	names := map[string]bool{"help": true}
	_ = kong.Visit(node, func(n kong.Visitable, next kong.Next) error { // of a command of commands, what any of them takes: kong tells the rest
		if flag, is := n.(*kong.Flag); is {
			names[flag.Name] = true
		}
		return next(nil)
	})
	var faults []error
	for i, arg := range args {
		if arg == "--" {
			known = append(known, args[i:]...)
			break
		}
		name, long := strings.CutPrefix(arg, "--")
		name, _, _ = strings.Cut(name, "=")
		if long && !names[name] {
			faults = append(faults, fmt.Errorf("flag --%s: there is no such flag%s, --help lists them", name, meant(name, names)))
			continue
		}
		known = append(known, arg)
	}
	return known, errors.Join(faults...)
}

// maxMeant bounds how many flags are named for one that there is not.
const maxMeant = 3

// meant names the flags that have all words of one that there is not, shortest first, as what whoever typed it may have meant.
func meant(name string, names map[string]bool) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("-._", r) })
	var near []string
	for flag := range names {
		all := strings.Split(flag, "-")
		if len(words) > 0 && !slices.ContainsFunc(words, func(word string) bool { return !slices.Contains(all, word) }) {
			near = append(near, "--"+flag)
		}
	}
	if len(near) == 0 {
		return ""
	}
	slices.SortFunc(near, func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) })
	return " (is it " + strings.Join(near[:min(len(near), maxMeant)], " or ") + "?)"
}

// decode is kong's mapper of durations.
func (parse DurationParser) decode(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("duration")
	if err != nil {
		return err
	}
	d, err := parse(token.String())
	if err != nil {
		return err
	}
	target.SetInt(int64(d))
	return nil
}
