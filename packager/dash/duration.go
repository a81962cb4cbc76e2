package dash

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration that is written as xs:duration in plain seconds.
type Duration time.Duration

// append appends the text, such as PT12.5S: no years, months or days, whose length is in doubt.
func (d Duration) append(dst []byte) []byte {
	if d < 0 {
		dst = append(dst, '-')
	}
	const second = uint64(time.Second)
	n := uint64(max(d, -d))
	dst = append(dst, "PT"...)
	dst = strconv.AppendUint(dst, n/second, 10)
	if rest := n % second; rest > 0 {
		dst = append(dst, '.')
		for unit := second / 10; rest > 0; unit /= 10 {
			dst = append(dst, '0'+byte(rest/unit))
			rest %= unit
		}
	}
	return append(dst, 'S')
}

// String is the duration as xs:duration.
func (d Duration) String() string { return string(d.append(nil)) }

// durationPattern takes days apart from the rest, whose letters are those of time.ParseDuration in capitals.
var durationPattern = regexp.MustCompile(`^P(?:(\d{1,5})D)?(?:T((?:\d{1,6}H)?(?:\d{1,8}M)?(?:\d{1,9}(?:\.\d{1,12})?S)?))?$`)

// UnmarshalText reads an xs:duration of days, hours, minutes and seconds, to the nanosecond. Years and months are
// refused: ISO/IEC 23009-1 leaves their length open, and the DASH-IF timing model forbids them.
func (d *Duration) UnmarshalText(text []byte) error {
	parts := durationPattern.FindSubmatch(text)
	if parts == nil {
		return fmt.Errorf("duration %.40q: not days, hours, minutes and seconds", text)
	}
	days, _ := strconv.Atoi(string(parts[1])) // the pattern leaves digits or nothing
	rest, err := time.ParseDuration("0s" + strings.ToLower(string(parts[2])))
	if err != nil {
		return fmt.Errorf("duration %.40q: %w", text, err)
	}
	*d = Duration(time.Duration(days)*24*time.Hour + rest)
	return nil
}
