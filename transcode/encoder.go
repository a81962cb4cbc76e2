package transcode

import (
	"maps"
	"os"
	"path/filepath"

	ffmpeg "github.com/u2takey/ffmpeg-go"

	"github.com/sluice-live/sluice/transcode/sandbox"
)

// EncoderKind is a way to encode renditions of H.264.
type EncoderKind string

// The ways to encode H.264.
const (
	Software EncoderKind = ""      // x264
	NVENC    EncoderKind = "nvenc" // NVIDIA's chips
	QSV      EncoderKind = "qsv"   // Intel's, by Quick Sync
	VAAPI    EncoderKind = "vaapi" // Intel's and AMD's, by VA-API
)

// HardwareEncoders are all but Software, the preferred first.
func HardwareEncoders() []EncoderKind { return []EncoderKind{NVENC, QSV, VAAPI} }

// String is the name.
func (k EncoderKind) String() string {
	if k == Software {
		return "software"
	}
	return string(k)
}

// program is ffmpeg's name of the encoder.
func (k EncoderKind) program() string {
	if k == Software {
		return H264.encoder()
	}
	return "h264_" + string(k)
}

// nodes are the patterns of device nodes, one of which has to be there.
func (k EncoderKind) nodes() string {
	if k == NVENC {
		return "/dev/nvidia[0-9]*"
	}
	return "/dev/dri/renderD*"
}

// Encoder is what encodes the renditions of H.264: x264 if it is the zero value. Other codecs have encoders of their own.
type Encoder struct {
	Kind   EncoderKind
	Device string // path of its node, "" for Software
}

// String is its kind, and where it is.
func (e Encoder) String() string {
	if e.Device == "" {
		return e.Kind.String()
	}
	return e.Kind.String() + " (" + e.Device + ")"
}

// globalArgs open the device.
func (e Encoder) globalArgs() []string {
	switch e.Kind {
	case QSV:
		return []string{"-init_hw_device", "qsv=hw,child_device=" + e.Device}
	case VAAPI:
		return []string{"-init_hw_device", "vaapi=hw:" + e.Device, "-filter_hw_device", "hw"}
	}
	return nil
}

// upload has the canvas of a rendition come in the form that the encoder takes.
func (e Encoder) upload(canvas *ffmpeg.Stream) *ffmpeg.Stream {
	switch e.Kind {
	case QSV:
		return canvas.Filter("format", ffmpeg.Args{"nv12"})
	case VAAPI:
		return canvas.Filter("format", ffmpeg.Args{"nv12"}).Filter("hwupload", nil)
	}
	return canvas
}

// args are the options of H.264 that are the same for all renditions: no B-frames, no delay, key frames where they are asked for, and a
// constant rate.
func (e Encoder) args() ffmpeg.KwArgs {
	args := H264.args()
	if e.Kind == Software {
		return args
	}
	for _, name := range []string{"tune", "sc_threshold", "pix_fmt"} {
		delete(args, name)
	}
	args["c"], args["bf"] = e.Kind.program(), 0
	maps.Copy(args, map[EncoderKind]ffmpeg.KwArgs{
		NVENC: {"preset": "p3", "tune": "ull", "rc": "cbr", "delay": 0, "zerolatency": 1, "forced-idr": 1, "no-scenecut": 1, "pix_fmt": "yuv420p"},
		QSV:   {"preset": "veryfast", "async_depth": 1, "look_ahead": 0, "forced_idr": 1, "pix_fmt": "nv12"},
		VAAPI: {"rc_mode": "CBR", "async_depth": 1, "idr_interval": 0},
	}[e.Kind])
	return args
}

// own are the options of one rendition.
func (e Encoder) own(r Rendition) ffmpeg.KwArgs {
	switch e.Kind {
	case Software:
		return ffmpeg.KwArgs{"preset": r.X264Preset(), "level": r.level()}
	case NVENC:
		return ffmpeg.KwArgs{"level": r.level()}
	}
	return nil // the driver finds the level itself
}

// allow lets ffmpeg use the device: its node, what drivers read about it, and for NVIDIA's as many addresses as CUDA reserves.
func (e Encoder) allow(p *sandbox.Policy) {
	switch e.Kind {
	case Software:
		return
	case NVENC:
		p.Devices, _ = filepath.Glob("/dev/nvidia*")
		p.Addresses = true
		p.Read = append(p.Read, present("/proc/driver/nvidia", "/sys/devices/system")...)
	default:
		p.Devices = []string{e.Device}
		p.Read = append(p.Read, present("/dev/dri", "/sys/dev/char", "/sys/class/drm")...)
		if bus, err := filepath.EvalSymlinks(filepath.Join("/sys/class/drm", filepath.Base(e.Device), "device")); err == nil {
			p.Read = append(p.Read, bus)
		}
	}
}

// present are those of the paths that are there.
func present(paths ...string) (there []string) {
	for _, path := range paths {
		if _, err := os.Stat(path); err == nil {
			there = append(there, path)
		}
	}
	return there
}
