package window_test

import (
	"fmt"
	"time"

	"github.com/flott-dev/flott/window"
)

// spans are the windows over a time.
func spans(a window.Assigner, at time.Time) {
	slices, _ := window.SlicesOf(a)
	start, _ := slices.Slice(slices.Local(at.UnixMilli()))
	first, last, step := slices.Ends(start)
	for end := first; end <= last; end += step {
		fmt.Println(window.Window{Start: slices.UTC(slices.Start(end)), End: slices.UTC(end)})
	}
}

var noon = time.Date(2024, 3, 31, 12, 0, 7, 0, time.UTC)

func ExampleSliding() {
	spans(window.Sliding(10*time.Second, 5*time.Second), noon)
	// Output:
	// [2024-03-31T12:00:00 2024-03-31T12:00:10)
	// [2024-03-31T12:00:05 2024-03-31T12:00:15)
}

func ExampleCumulating() {
	spans(window.Cumulating(15*time.Second, 5*time.Second), noon)
	// Output:
	// [2024-03-31T12:00:00 2024-03-31T12:00:10)
	// [2024-03-31T12:00:00 2024-03-31T12:00:15)
}

func ExampleAssigner_Offset() {
	spans(window.Tumbling(time.Hour).Offset(15*time.Minute), noon)
	// Output: [2024-03-31T11:15:00 2024-03-31T12:15:00)
}

// On this day Berlin's clocks go forward: it has 23 hours.
func ExampleAssigner_In() {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		fmt.Println(err)
	}
	spans(window.Tumbling(24*time.Hour).In(berlin), noon)
	// Output: [2024-03-30T23:00:00 2024-03-31T22:00:00)
}

func ExampleAssigner_Err() {
	fmt.Println(window.Cumulating(time.Hour, 25*time.Minute).Err())
	// Output: window.Cumulating(1h0m0s, 25m0s): the size must be a multiple of the step
}

// byParity puts even and odd numbers into windows of their own.
type byParity struct{}

func (byParity) Assign(dst []window.Window, v *int, _ int64) []window.Window {
	return append(dst, window.Window{Start: int64(*v % 2), End: int64(*v%2 + 1)})
}

func (byParity) Merging() bool { return false }

func ExampleOf() {
	a := window.Of[int](byParity{})
	v := 7
	fmt.Println(window.CustomOf[int](a).Assign(nil, &v, 0)[0].Start)
	// Output: 1
}

func ExampleDynamicSession() {
	a := window.DynamicSession(func(user string) time.Duration {
		if user == "robot" {
			return time.Second
		}
		return time.Hour
	})
	robot, ann := "robot", "ann"
	fmt.Println(window.Gap(a, &robot), window.Gap(a, &ann))
	// Output: 1000 3600000
}

func ExampleWindow_String() {
	w := window.Window{Start: noon.UnixMilli(), End: noon.Add(time.Minute).UnixMilli()}
	fmt.Println(w, w.Until().Sub(w.From()))
	// Output: [2024-03-31T12:00:07 2024-03-31T12:01:07) 1m0s
}
