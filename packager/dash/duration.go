package dash

import (
	"fmt"
	"regexp"
	"strconv"
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

var durationPattern = regexp.MustCompile(`^P(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,10}(?:\.\d{1,12})?)S)?)?$`)

// maxDuration bounds what is read, so that sums cannot overflow.
const maxDuration = 100 * 365 * 24 * time.Hour

// UnmarshalText reads an xs:duration of days, hours, minutes and seconds. Years and months are refused: ISO/IEC 23009-1
// leaves their length open, and the DASH-IF timing model forbids them.
func (d *Duration) UnmarshalText(text []byte) error {
	parts := durationPattern.FindSubmatch(text)
	if parts == nil {
		return fmt.Errorf("duration %.40q: not days, hours, minutes and seconds", text)
	}
	seconds := 0.0
	whole := time.Duration(0)
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute} {
		n, _ := strconv.Atoi(string(parts[i+1])) // the pattern leaves digits or nothing
		whole += time.Duration(n) * unit
	}
	if len(parts[4]) > 0 {
		seconds, _ = strconv.ParseFloat(string(parts[4]), 64)
	}
	if whole > maxDuration || seconds > maxDuration.Seconds() {
		return fmt.Errorf("duration %.40q: above %v", text, maxDuration)
	}
	*d = Duration(whole + time.Duration(seconds*float64(time.Second)+0.5))
	return nil
}
