// Package transcode runs ffmpeg: one decode, a ladder of encodes, CMAF on disk.
package transcode
