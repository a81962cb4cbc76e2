package packager

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestValidateReportsAllFaults expects each fault under the name of the option that has to be changed.
func TestValidateReportsAllFaults(t *testing.T) {
	for _, test := range []struct {
		name   string
		edit   func(*Options)
		faults []string
	}{
		{"defaults", func(*Options) {}, nil},
		{"shortest", func(o *Options) {
			o.Segment, o.Part, o.Window, o.Linger = time.Second, 100*time.Millisecond, 3*time.Second, time.Millisecond
		}, nil},
		{"longest", func(o *Options) {
			o.Segment, o.Part, o.Window, o.Linger = 10*time.Second, time.Second, 6*time.Hour, time.Hour
		}, nil},
		{"no directory", func(o *Options) { o.LiveDir = "" }, []string{"LiveDir: is empty"}},
		{"no recordings", func(o *Options) { o.Record = true }, []string{"RecordingsDir: is empty while Record is on"}},
		{"short segment", func(o *Options) { o.Segment = 900 * time.Millisecond }, []string{
			"Segment: 900ms is not between 1s and 10s", "Segment: 900ms is not a multiple of the part, which is 200ms",
		}},
		{"segment of no whole parts", func(o *Options) { o.Segment = 2500 * time.Millisecond; o.Part = 300 * time.Millisecond }, []string{
			"Segment: 2.5s is not a multiple of the part, which is 300ms",
		}},
		{"long part", func(o *Options) { o.Part = 2 * time.Second }, []string{"Part: 2s is not between 100ms and 1s"}},
		{"odd part", func(o *Options) { o.Segment, o.Part = time.Second, time.Second/3 }, []string{
			"Part: 333.333333ms is not whole milliseconds", "Segment: 1s is not a multiple of the part, which is 333.333333ms",
		}},
		{"short window", func(o *Options) { o.Window = 5 * time.Second }, []string{"Window: 5s is not between 6s and 6h"}},
		{"long window", func(o *Options) { o.Window = 7 * time.Hour }, []string{"Window: 7h is not between 6s and 6h"}},
		{"negative", func(o *Options) {
			o.Part, o.Linger, o.Keep, o.MaxBytes, o.MinFree = -1, -time.Second, -time.Minute, -2, -3
		}, []string{
			"Keep: -1m is negative", "MaxBytes: -2 is negative", "MinFree: -3 is negative", "Part: -1ns is not between 100ms and 1s",
			"Part: -1ns is not whole milliseconds", "Linger: -1s is not between 0s and 1h",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := Options{LiveDir: "live"}
			test.edit(&o)
			err := o.Validate()
			var told []string
			if joined, ok := err.(interface{ Unwrap() []error }); ok {
				for _, fault := range joined.Unwrap() {
					var option *OptionError
					require.True(t, errors.As(fault, &option))
					told = append(told, option.Error())
				}
			}
			require.Equal(t, test.faults, told)
			if len(test.faults) > 0 {
				_, err = New(o)
				require.Error(t, err)
			}
		})
	}
	_, err := New(Options{LiveDir: "/dev/null/x"})
	require.ErrorContains(t, err, "make directory")
}
