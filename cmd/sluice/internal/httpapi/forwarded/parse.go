package forwarded

import (
	"net"
	"net/netip"
	"strings"
)

const (
	maxBytes = 4096 // of all lines of a header; of a longer one nothing is believed
	maxHost  = 255  // bytes of a name (RFC 1035 §2.3.4), with a port a few more
)

// split returns the members of a list (RFC 9110 §5.6.1) in the order of its lines.
func split(lines []string) (members []string, ok bool) {
	left := maxBytes
	for _, line := range lines {
		if left -= len(line); left < 0 {
			return nil, false
		}
		for member := range strings.SplitSeq(line, ",") {
			if member = strings.Trim(member, " \t"); member != "" {
				members = append(members, member)
			}
		}
	}
	return members, true
}

// fromRight is the member that the proxy so many hops away has added; a shorter list was begun by a nearer one.
func fromRight(members []string, hops int) string {
	if len(members) == 0 {
		return ""
	}
	return members[max(len(members)-hops, 0)]
}

// element is one of Forwarded: what one proxy says (RFC 7239 §4).
type element struct{ client, scheme, host string }

// parse reads Forwarded: elements between commas, of pairs between semicolons, whose values may be quoted. ok is false where it is too long
// or does not follow the grammar.
func parse(lines []string) (elements []element, ok bool) {
	left := maxBytes
	for _, line := range lines {
		if left -= len(line); left < 0 {
			return nil, false
		}
		current, some := element{}, false
		for rest := line; ; {
			name, value, end, after, ok := pair(rest)
			if !ok {
				return nil, false
			}
			switch strings.ToLower(name) {
			case "":
			case "for":
				current.client = value
			case "proto":
				current.scheme = value
			case "host":
				current.host = value
			}
			some = some || name != ""
			if end != ';' && some {
				elements, current, some = append(elements, current), element{}, false
			}
			if end == 0 {
				break
			}
			rest = after
		}
	}
	return elements, true
}

// pair reads one pair, and what ends it: ',', ';' or 0 at the end of the line. An empty one has no name.
func pair(s string) (name, value string, end byte, rest string, ok bool) {
	s = strings.TrimLeft(s, " \t")
	i := strings.IndexAny(s, "=,;")
	if i < 0 {
		return "", "", 0, "", strings.Trim(s, " \t") == ""
	}
	if s[i] != '=' {
		return "", "", s[i], s[i+1:], strings.Trim(s[:i], " \t") == ""
	}
	name, s = s[:i], s[i+1:]
	if value, s, ok = pairValue(s); !ok || name == "" {
		return "", "", 0, "", false
	}
	s = strings.TrimLeft(s, " \t")
	switch {
	case s == "":
		return name, value, 0, "", true
	case s[0] == ',' || s[0] == ';':
		return name, value, s[0], s[1:], true
	}
	return "", "", 0, "", false
}

// pairValue reads a token or a quoted string (RFC 9110 §5.6.4).
func pairValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		i := strings.IndexAny(s, ",; \t")
		if i < 0 {
			i = len(s)
		}
		return s[:i], s[i:], i > 0 && !strings.Contains(s[:i], `"`)
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			if i++; i == len(s) {
				return "", "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

// node reads an address with or without a port, as Forwarded ("[2001:db8::1]:80") and X-Forwarded-For (2001:db8::1) have it. A client that a
// proxy keeps to itself (unknown, _hidden: RFC 7239 §6) is none.
func node(s string) (netip.AddrPort, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port()), true
	}
	if inside, ok := strings.CutPrefix(s, "["); ok {
		if s, ok = strings.CutSuffix(inside, "]"); !ok {
			return netip.AddrPort{}, false
		}
	}
	address, err := netip.ParseAddr(s)
	return netip.AddrPortFrom(address.Unmap().WithZone(""), 0), err == nil
}

// scheme is http or https, or "" for anything else.
func scheme(s string) string {
	if s = strings.ToLower(s); s == "http" || s == "https" {
		return s
	}
	return ""
}

// host is a name or an address with or without a port, or "" for what is neither.
func host(s string) string {
	name := s
	if h, _, err := net.SplitHostPort(s); err == nil {
		name = h
	}
	if name == "" || len(s) > maxHost+len(":65535") {
		return ""
	}
	bad := strings.IndexFunc(s, func(r rune) bool {
		letter := 'a' <= r|0x20 && r|0x20 <= 'z'
		return !letter && !('0' <= r && r <= '9') && !strings.ContainsRune("-._:[]", r)
	})
	if bad >= 0 {
		return ""
	}
	return s
}
