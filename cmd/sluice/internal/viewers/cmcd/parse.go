package cmcd

import (
	"errors"
	"strings"
)

const (
	maxKeys   = 100  // in a report; there are 60 known ones
	maxNumber = 1e15 // RFC 8941 §3.3.1
)

// Why a report cannot be read.
var (
	ErrSyntax  = errors.New("a report is a list of key=value, with commas between them, of at most 4096 bytes (CTA-5004)")
	ErrSession = errors.New("a report needs the name of its session (sid)")
)

type kind byte

// What a value can be.
const (
	isOther kind = iota
	isTrue
	isNumber
	isText
	isToken
)

// value is that of a key. Of a list, number is what tells of the video, or else the first one, and sum is all of them.
type value struct {
	kind        kind
	text        string
	number, sum int64
}

// Parse reads a report.
// Errors are ErrSyntax and ErrSession; values of a wrong type count as not told.
func Parse(text string) (Report, error) {
	r := Report{Time: Unknown, Bitrate: Unknown, Latency: Unknown, Startup: Unknown, Starts: Unknown, Stalled: Unknown, Finished: Unknown}
	if len(text) > MaxReport {
		return r, ErrSyntax
	}
	p := parser{text}
	for n := 0; ; n++ {
		p.blank()
		if p.rest == "" {
			break
		}
		if n == maxKeys {
			return r, ErrSyntax
		}
		key := p.key()
		if key == "" {
			return r, ErrSyntax
		}
		v, ok := value{kind: isTrue}, true
		if p.next('=') {
			v, ok = p.value()
		}
		if ok = ok && p.parameters(nil); !ok {
			return r, ErrSyntax
		}
		r.take(key, v)
		if p.blank(); p.rest != "" && !p.next(',') {
			return r, ErrSyntax
		}
	}
	if r.Session == "" {
		return r, ErrSession
	}
	return r, nil
}

// parser reads a dictionary of structured fields from its beginning on (RFC 8941 §4.2).
type parser struct{ rest string }

// blank skips white space.
func (p *parser) blank() { p.rest = strings.TrimLeft(p.rest, " \t") }

// next takes a byte if it is what comes.
func (p *parser) next(b byte) bool {
	if p.rest == "" || p.rest[0] != b {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// while takes what consists of such bytes.
func (p *parser) while(is func(byte) bool) string {
	n := 0
	for n < len(p.rest) && is(p.rest[n]) {
		n++
	}
	taken := p.rest[:n]
	p.rest = p.rest[n:]
	return taken
}

func isAlpha(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }
func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// key takes a key, "" for none; those of players' own have capitals, too.
func (p *parser) key() string {
	return p.while(func(b byte) bool { return isAlpha(b) || isDigit(b) || strings.IndexByte("_-.*", b) >= 0 })
}

// value takes an item or a list of them.
func (p *parser) value() (value, bool) {
	if !p.next('(') {
		return p.item()
	}
	var all value
	for n := 0; ; n++ {
		if p.blank(); p.next(')') {
			return all, true
		}
		v, ok := p.item()
		video := false
		if !ok || n == maxKeys || !p.parameters(func(key string) { video = video || key == "v" || key == "av" }) {
			return all, false
		}
		switch sum := all.sum + v.sum; {
		case n == 0:
			all = v
		case v.kind != isNumber || all.kind != isNumber || sum > maxNumber:
		case video:
			all.number, all.sum = v.number, sum
		default:
			all.sum = sum
		}
	}
}

// parameters takes those of an item, and tells their keys.
func (p *parser) parameters(tell func(key string)) bool {
	for p.next(';') {
		p.blank()
		key := p.key()
		if key == "" {
			return false
		}
		if p.next('=') {
			if _, ok := p.item(); !ok {
				return false
			}
		}
		if tell != nil {
			tell(key)
		}
	}
	return true
}

// item takes an item without its parameters.
func (p *parser) item() (value, bool) {
	if p.rest == "" {
		return value{}, false
	}
	switch b := p.rest[0]; {
	case b == '"':
		return p.text()
	case isDigit(b), b == '-':
		return p.number()
	case b == '?':
		return p.boolean()
	case b == '@': // a date (RFC 9651 §3.3.7)
		p.rest = p.rest[1:]
		return p.number()
	case b == ':':
		return p.bytes()
	}
	token := p.while(func(b byte) bool { return isAlpha(b) || isDigit(b) || strings.IndexByte("!#$%&'*+-.^_`|~:/", b) >= 0 })
	if token == "true" {
		return value{kind: isTrue}, true
	}
	return value{kind: isToken, text: token}, token != ""
}

// text takes a string (RFC 8941 §4.2.5).
func (p *parser) text() (value, bool) {
	body := p.rest[1:]
	for i := 0; i < len(body); i++ {
		switch {
		case body[i] == '\\':
			i++
		case body[i] == '"':
			p.rest = body[i+1:]
			return value{kind: isText, text: unescaped(body[:i])}, true
		case body[i] < ' ' || body[i] == 0x7f:
			return value{}, false
		}
	}
	return value{}, false
}

func unescaped(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(text)
}

// number takes an integer or a decimal, without what is behind its point. Negative ones are of no use: they are something else.
func (p *parser) number() (value, bool) {
	negative := p.next('-')
	digits := p.while(isDigit)
	if digits == "" || len(digits) > 15 {
		return value{}, false
	}
	if p.next('.') && p.while(isDigit) == "" {
		return value{}, false
	}
	if negative {
		return value{}, true
	}
	var n int64
	for i := range len(digits) {
		n = 10*n + int64(digits[i]-'0')
	}
	return value{kind: isNumber, number: n, sum: n}, true
}

func (p *parser) boolean() (value, bool) {
	p.rest = p.rest[1:]
	switch {
	case p.next('1'):
		return value{kind: isTrue}, true
	case p.next('0'):
		return value{}, true
	}
	return value{}, false
}

func (p *parser) bytes() (value, bool) {
	_, rest, closed := strings.Cut(p.rest[1:], ":")
	p.rest = rest
	return value{}, closed
}
