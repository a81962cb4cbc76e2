package transcode

import (
	"bytes"
	"strconv"
	"time"
)

// Progress is what ffmpeg reports of itself, about twice a second.
type Progress struct {
	Frame   int64         // pictures encoded for the first rendition
	FPS     float64       // of them per second, over the whole run
	Speed   float64       // seconds of media per second, over the whole run; a live run is at 1
	Drop    int64         // pictures left out because the input's rate was above the rendition's
	Dup     int64         // pictures repeated because it was below
	OutTime time.Duration // media time up to which something was written
	Lag     time.Duration // newest media time handed to WriteFrame, less OutTime
}

// progressParser reads the blocks of "key=value" lines of ffmpeg's -progress; each ends with a line "progress=…". Lines
// that it does not know and numbers that do not parse ("N/A") leave the value as it was.
type progressParser struct {
	current Progress
	report  func(Progress)
}

func (p *progressParser) line(line []byte) {
	key, value, found := bytes.Cut(line, []byte("="))
	if !found {
		return
	}
	text := string(bytes.TrimSpace(value))
	switch string(key) {
	case "frame":
		parseInt(text, &p.current.Frame)
	case "fps":
		parseFloat(text, &p.current.FPS)
	case "speed":
		parseFloat(string(bytes.TrimSuffix([]byte(text), []byte("x"))), &p.current.Speed)
	case "drop_frames":
		parseInt(text, &p.current.Drop)
	case "dup_frames":
		parseInt(text, &p.current.Dup)
	case "out_time_us":
		parseMicroseconds(text, &p.current.OutTime)
	case "progress":
		p.report(p.current)
	}
}

func parseInt(text string, to *int64) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 {
		*to = n
	}
}

// parseFloat takes finite numbers from 0 up.
func parseFloat(text string, to *float64) {
	if x, err := strconv.ParseFloat(text, 64); err == nil && x >= 0 && x < 1e9 {
		*to = x
	}
}

func parseMicroseconds(text string, to *time.Duration) {
	const most = int64(1<<63-1) / int64(time.Microsecond)
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 && n <= most {
		*to = time.Duration(n) * time.Microsecond
	}
}
