package packager

import (
	"crypto/rand"
	"strconv"
	"strings"

	"github.com/sluice-live/sluice/internal/name"
)

const (
	outDir       = "out" // within an epoch's directory: what we publish, under our own names
	logName      = "timeline.log"
	thumbnail    = "thumbnail.jpg"
	multivariant = "index.m3u8"
	manifest     = "manifest.mpd"
)

// newEpochName makes a name that nobody can guess and that is never made again: 130 random bits.
func newEpochName() string { return rand.Text() }

func initName(rendition string) string { return rendition + "-init.mp4" }

func segmentName(rendition string, msn int64) string {
	return rendition + "-" + strconv.FormatInt(msn, 10) + ".m4s"
}

func partName(rendition string, msn int64, part int) string {
	return rendition + "-" + strconv.FormatInt(msn, 10) + "." + strconv.Itoa(part) + ".m4s"
}

// mediaFile is a public file of an epoch; msn is -1 for the initialization segment, part -1 for a whole segment.
type mediaFile struct {
	rendition string
	msn       int64
	part      int
}

// parseMediaFile reads exactly what initName, segmentName and partName write.
func parseMediaFile(file string) (f mediaFile, ok bool) {
	if id, found := strings.CutSuffix(file, "-init.mp4"); found {
		return mediaFile{id, -1, -1}, name.Valid(id)
	}
	stem, found := strings.CutSuffix(file, ".m4s")
	dash := strings.LastIndexByte(stem, '-')
	if !found || dash < 0 || !name.Valid(stem[:dash]) {
		return f, false
	}
	number, index, isPart := strings.Cut(stem[dash+1:], ".")
	f = mediaFile{rendition: stem[:dash], part: -1}
	if f.msn, ok = parseNumber(number); ok && isPart {
		var part int64
		part, ok = parseNumber(index)
		ok = ok && part < maxParts
		f.part = int(part)
	}
	return f, ok
}

// parseNumber reads a number as we write it, without leading zeros.
func parseNumber(s string) (n int64, ok bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && strconv.FormatInt(n, 10) == s
}

// ffmpeg's names within an epoch's directory; numbers count from 1.
func encoderInit(rep string) string { return "init-" + rep + ".mp4" }

func encoderSegment(rep string, number int64) string {
	digits := strconv.FormatInt(number, 10)
	return "seg-" + rep + "-" + "00000"[:max(0, 5-len(digits))] + digits + ".m4s"
}

// encoderRep is the representation whose segment file this is, whole or growing.
func encoderRep(name string) (rep string, ok bool) {
	name, ok = strings.CutPrefix(name, "seg-")
	dash := strings.LastIndexByte(name, '-')
	if !ok || dash < 1 {
		return "", false
	}
	return name[:dash], true
}
