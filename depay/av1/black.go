package av1

// The size in pixels of the black picture.
const (
	BlackWidth  = 640
	BlackHeight = 360
)

// black is a temporal unit with a sequence header and a key frame, that libaom 3.6 made of nothing but black:
//
//	ffmpeg -f lavfi -i color=black:size=640x360 -frames:v 1 -pix_fmt yuv420p -c:v libaom-av1 -cpu-used 4 -lag-in-frames 0 -f ivf -
const black = "\x12\x00\x0a\x0b\x00\x00\x00\x0c\xc4\xff\x67\x36\xbe\x60\x10\x32\x1c\x10\x00\x85\xa0\x00\x00\x80\x00\x00\x00\x00\xeb\xc6" +
	"\x8e\xe3\x06\xaf\x68\x07\x42\x40\xba\xe5\xd5\x1a\x44\x3f\x58"

// Where in black the payload of its sequence header lies.
const (
	blackSequence    = 4
	blackSequenceEnd = 15
)

// AppendBlack appends to dst the temporal unit of a key frame of BlackWidth x BlackHeight black pixels (Y 16, U and V 128),
// and returns it.
func AppendBlack(dst []byte) []byte { return append(dst, black...) }

// FollowBlack takes the frame that AppendBlack makes.
func (s *References) FollowBlack() {
	sequence, err := ParseSequence([]byte(black[blackSequence:blackSequenceEnd]))
	if err != nil {
		return // never: it is a constant
	}
	h := Header{Kind: KeyFrame, Show: true, ErrorResilient: true, Refresh: allSlots, Width: BlackWidth, Height: BlackHeight}
	s.Follow(&sequence, h)
}
