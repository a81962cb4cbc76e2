package offer

import "strings"

// byteOrderMark is what some editors and runtimes put before a text in UTF-8.
const byteOrderMark = "\ufeff"

// TidyLines returns a description with lines that end in CRLF (RFC 8866 §5), whatever they ended in, also the last one, and without
// blank lines and blanks at the ends of lines.
func TidyLines(text string) string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(text, byteOrderMark))
	var b strings.Builder
	b.Grow(len(text) + len(text)/16)
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimRight(line, " \t"); line != "" {
			b.WriteString(line)
			b.WriteString("\r\n")
		}
	}
	return b.String()
}
