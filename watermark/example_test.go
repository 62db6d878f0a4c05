package watermark_test

import (
	"fmt"
	"time"

	"github.com/flott-dev/flott/watermark"
)

type reading struct{ Second int64 }

func at(r reading) time.Time { return time.Unix(r.Second, 0) }

// follow shows the watermark behind each record, in seconds.
func follow(s watermark.Strategy[reading], seconds ...int64) {
	g := s.New()
	for _, second := range seconds {
		r := reading{second}
		g.Record(&r, s.Millis(&r, 0))
		mark, ok := g.Periodic()
		fmt.Println(float64(mark)/1000, ok)
	}
}

func ExampleBounded() {
	follow(watermark.Bounded(5*time.Second, at), 10, 8, 20)
	// Output:
	// 4.999 true
	// 4.999 true
	// 14.999 true
}

func ExampleMonotonous() {
	follow(watermark.Monotonous(at), 10, 11)
	// Output:
	// 9.999 true
	// 10.999 true
}

// punctuated makes a watermark at every full ten seconds.
type punctuated struct{}

func (punctuated) Record(r *reading, millis int64) (watermark int64, ok bool) {
	return millis - 1, r.Second%10 == 0
}

func (punctuated) Periodic() (watermark int64, ok bool) { return 0, false }

func ExampleCustom() {
	s := watermark.Custom(at, func() watermark.Generator[reading] { return punctuated{} })
	g, r := s.New(), reading{20}
	fmt.Println(g.Record(&r, s.Millis(&r, 0)))
	// Output: 19999 true
}

// Splits without records for a minute are not waited for; splits that are more than ten seconds
// ahead of the others are.
func ExampleStrategy_Idle() {
	s := watermark.Bounded(5*time.Second, at).Idle(time.Minute).Align("readings", 10*time.Second, 0)
	fmt.Println(s.IdleTimeout, s.Group, s.MaxDrift, s.UpdateInterval)
	// Output: 1m0s readings 10s 1s
}
