package timeline

import (
	"crypto/rand"
	"strconv"
	"strings"

	"github.com/sluice-live/sluice/public/name"
)

// PublicDir is the directory, within an epoch's, of what is published under our own names.
const PublicDir = "out"

// EventValue is the value of the events of renditions, and what the text of each is called.
const EventValue = "urn:sluice:faces"

// newEpochName makes a name that nobody can guess and that is never made again: 130 random bits.
func newEpochName() string { return rand.Text() }

// IsEpochName reports whether a name can be one that an epoch was given.
func IsEpochName(name string) bool {
	if len(name) != 26 {
		return false
	}
	for _, c := range name {
		if (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

// InitName is the public name of a rendition's initialization segment within its epoch.
func InitName(rendition string) string { return rendition + "-init.mp4" }

// SegmentName is the public name of a segment within its epoch.
func SegmentName(rendition string, msn int64) string {
	return rendition + "-" + strconv.FormatInt(msn, 10) + ".m4s"
}

// PartName is the public name of a part within its epoch.
func PartName(rendition string, msn int64, part int) string {
	return rendition + "-" + strconv.FormatInt(msn, 10) + "." + strconv.Itoa(part) + ".m4s"
}

// MediaFile is a public file of an epoch, taken apart.
type MediaFile struct {
	Rendition string
	MSN       int64 // -1 for the initialization segment
	Part      int   // -1 for a whole segment
}

// ParseMediaFile reads exactly what InitName, SegmentName and PartName write.
func ParseMediaFile(file string) (f MediaFile, ok bool) {
	if id, found := strings.CutSuffix(file, "-init.mp4"); found {
		return MediaFile{id, -1, -1}, name.Valid(id)
	}
	stem, found := strings.CutSuffix(file, ".m4s")
	dash := strings.LastIndexByte(stem, '-')
	if !found || dash < 0 || !name.Valid(stem[:dash]) {
		return f, false
	}
	number, index, isPart := strings.Cut(stem[dash+1:], ".")
	f = MediaFile{Rendition: stem[:dash], Part: -1}
	if f.MSN, ok = parseNumber(number); ok && isPart {
		var part int64
		part, ok = parseNumber(index)
		ok = ok && part < MaxParts
		f.Part = int(part)
	}
	return f, ok
}

// parseNumber reads a number as we write it, without leading zeros.
func parseNumber(s string) (n int64, ok bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && strconv.FormatInt(n, 10) == s
}
