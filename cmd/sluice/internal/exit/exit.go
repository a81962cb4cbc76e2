// Package exit holds the exit statuses of all commands, and marks the errors that lead to them.
//
// It ends no program: only main does.
package exit

import "errors"

// Exit statuses of every command.
const (
	Done       = 0
	Failed     = 1
	WrongUsage = 2 // wrong usage or configuration
)

// Help ends the help text of every command.
const Help = `
Exit status: 0 done, 1 failed, 2 wrong usage or configuration.
`

// ErrUsage is matched by every error that Usage returns.
var ErrUsage = errors.New("wrong usage")

// usageError reads like the error inside it.
type usageError struct{ error }

// Is reports whether target is ErrUsage.
func (usageError) Is(target error) bool { return target == ErrUsage }

// Unwrap returns the error inside.
func (e usageError) Unwrap() error { return e.error }

// Usage marks err as wrong usage or configuration, which the user has to change. It returns nil for nil.
func Usage(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

// Status returns the exit status of a command that ended with err.
func Status(err error) int {
	switch {
	case err == nil:
		return Done
	case errors.Is(err, ErrUsage):
		return WrongUsage
	default:
		return Failed
	}
}
