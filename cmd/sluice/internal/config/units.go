package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// ParseDuration reads 200ms, 2s, 1h30m, 7d or 0.
func ParseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("%q is not a number of days such as 7d", s)
		}
		return time.Duration(n) * day, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration such as 200ms, 2s, 1h or 7d", s)
	}
	return d, nil
}

// FormatDuration writes what ParseDuration reads, in the largest unit that
// fits exactly; seconds up to two minutes.
func FormatDuration(d time.Duration) string {
	switch {
	case d == 0:
		return "0"
	case d%day == 0:
		return fmt.Sprintf("%dd", d/day)
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0 && d >= 2*time.Minute:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d%time.Second == 0 && d < 2*time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return d.String()
}

// unit is a suffix and what it multiplies by; the largest come first.
type unit struct {
	suffix string
	factor int64
}

// sizeUnits are those of byte counts. The binary ones are written.
func sizeUnits() []unit {
	return []unit{
		{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
		{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1}, {"", 1},
	}
}

// rateUnits are those of bit rates, as ffmpeg writes them.
func rateUnits() []unit {
	return []unit{{"M", 1e6}, {"k", 1e3}, {"K", 1e3}, {"", 1}}
}

// parseSize reads a number of bytes: 64KiB, 1.5GiB, 20GB, 65536.
func parseSize(s string) (int64, error) {
	n, ok := parseUnits(s, sizeUnits())
	if !ok {
		return 0, fmt.Errorf("%q is not a size such as 64KiB, 20GB or 1GiB", s)
	}
	return n, nil
}

// ParseRate reads a number of bit/s: 2500k, 2.5M, 2500000.
func ParseRate(s string) (int, error) {
	n, ok := parseUnits(s, rateUnits())
	if !ok || n > math.MaxInt32 {
		return 0, fmt.Errorf("%q is not a bit rate such as 2500k or 2.5M", s)
	}
	return int(n), nil
}

// parseUnits reads a number that is not negative, with an optional suffix.
func parseUnits(s string, units []unit) (int64, bool) {
	for _, u := range units {
		digits, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		f, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		f *= float64(u.factor)
		if err != nil || !(f >= 0 && f < math.MaxInt64) {
			return 0, false
		}
		return int64(f), true
	}
	return 0, false
}

// FormatSize writes a number of bytes as a key takes it, in the largest unit that divides it.
func FormatSize(n int64) string { return formatUnits(n, sizeUnits()[:4]) }

// FormatRate writes a number of bit/s as a key takes it, in kbit/s where that divides it.
func FormatRate(n int) string { return formatUnits(int64(n), rateUnits()[1:2]) }

// formatUnits writes n in the first unit that divides it.
func formatUnits(n int64, units []unit) string {
	for _, u := range units {
		if n != 0 && n%u.factor == 0 {
			return strconv.FormatInt(n/u.factor, 10) + u.suffix
		}
	}
	return strconv.FormatInt(n, 10)
}
