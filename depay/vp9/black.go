package vp9

// The size in pixels of the black picture.
const (
	BlackWidth  = 640
	BlackHeight = 360
)

// black is a key frame that libvpx 1.12 made of nothing but black:
//
//	ffmpeg -f lavfi -i color=black:size=640x360 -frames:v 1 -pix_fmt yuv420p -c:v libvpx-vp9 -cpu-used 0 -f ivf -
const black = "\x82\x49\x83\x42\x00\x27\xf0\x16\x76\x00\x38\x24\x1c\x18\x4a\x10\x00\x50\x61\xf6\x3a\xf6\x80\x5c\xd1\xee\x00\x00\x00\x00\x00\x0f" +
	"\x67\x1a\x9a\xe0\x62\x23\x7e\x44\x78\xf0\xe3\xc7\x8f\x1d\x00\x67\x1a\x9a\xe0\x62\x23\x7e\x44\x78\xf0\xe3\xc7\x8f\x1d\x00"

// AppendBlack appends to dst a key frame of BlackWidth x BlackHeight black pixels (Y 16, U and V 128), and returns it.
func AppendBlack(dst []byte) []byte { return append(dst, black...) }
