package h264

import "github.com/sluice-live/sluice/depay/internal/bitfield"

// newReader reads what follows the first byte of a NAL unit.
func newReader(nal []byte) bitfield.Reader {
	if len(nal) > 0 {
		nal = nal[1:]
	}
	return bitfield.NewEscapedReader(nal)
}

// readError returns what went wrong until now.
func readError(r *bitfield.Reader) error {
	switch {
	case r.Short():
		return ErrTruncated
	case r.Invalid():
		return ErrInvalid
	}
	return nil
}
