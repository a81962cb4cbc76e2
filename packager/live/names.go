package live

import (
	"strconv"
	"strings"
)

const (
	// LogName is the name of the log in a stream's directory.
	LogName = "timeline.log"

	encoderManifest = "manifest.mpd"
)

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
