package relay

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"strconv"
	"strings"
	"time"
)

// Edge is where the whole segments end that players have been told of by the HLS playlists below a path, which are kept for a while: a program date
// time. It is zero where there are none.
func (c *Cache) Edge(path string) (edge time.Time) {
	c.mu.Lock()
	var playlists []*answer
	for at := c.kept.Front(); at != nil; at = at.Next() {
		if a := at.Value.(*answer); strings.HasPrefix(a.key, path) && strings.Contains(a.key, ".m3u8") {
			playlists = append(playlists, a)
		}
	}
	c.mu.Unlock()
	for _, a := range playlists {
		s, _ := a.now()
		var body io.Reader = bytes.NewReader(s.body)
		if strings.HasSuffix(a.key, " gzip") && s.head.header.Get("Content-Encoding") == "gzip" {
			unpacked, err := gzip.NewReader(body)
			if err != nil {
				continue
			}
			body = io.LimitReader(unpacked, maxBody)
		}
		if end := endOf(body); end.After(edge) {
			edge = end
		}
	}
	return edge
}

// endOf is the program date time at which the whole segments end that a playlist lists; zero where it says none.
func endOf(playlist io.Reader) (end time.Time) {
	for lines := bufio.NewScanner(playlist); lines.Scan(); {
		tag, value, _ := strings.Cut(lines.Text(), ":")
		switch tag {
		case "#EXT-X-PROGRAM-DATE-TIME":
			if at, err := time.Parse(time.RFC3339Nano, value); err == nil {
				end = at
			}
		case "#EXTINF":
			value, _, _ = strings.Cut(value, ",")
			end = end.Add(seconds(value))
		}
	}
	if end.Year() < 1970 {
		return time.Time{}
	}
	return end
}

func seconds(text string) time.Duration {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n < 0 || n > 3600 {
		return 0
	}
	return time.Duration(n * float64(time.Second))
}
