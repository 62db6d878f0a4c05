package connect_test

import (
	"testing"

	"github.com/flott-dev/flott/connect"
)

func TestBacklogs(t *testing.T) {
	none := connect.Backlog{}
	bytes := connect.Backlog{Records: -1, Bytes: 1000}
	sized := connect.Backlog{Records: -1, Bytes: 100, RecordBytes: 10}
	records := connect.Backlog{Records: 7, Bytes: -1}
	for _, c := range []struct{ a, b, want connect.Backlog }{
		{none, none, none},
		{connect.Unknown, none, connect.Unknown},
		{bytes, none, bytes},
		{sized, none, connect.Backlog{Records: 10, Bytes: 100, RecordBytes: 10}},
		{sized, bytes, connect.Backlog{Records: 110, Bytes: 1100, RecordBytes: 10}},
		{bytes, sized, connect.Backlog{Records: 110, Bytes: 1100, RecordBytes: 10}},
		{sized, connect.Backlog{Bytes: 0, Records: -1, RecordBytes: 30}, connect.Backlog{Records: 5, Bytes: 100, RecordBytes: 20}},
		{records, records, connect.Backlog{Records: 14, Bytes: -1}},
		{records, none, records},
		{records, bytes, connect.Unknown},
		{sized.Share(4), none, connect.Backlog{Records: 2, Bytes: 25, RecordBytes: 10}},
		{records.Share(2), records.Share(2), connect.Backlog{Records: 8, Bytes: -1}},
	} {
		if got := c.a.Plus(c.b); got != c.want {
			t.Errorf("%+v plus %+v is %+v, want %+v", c.a, c.b, got, c.want)
		}
	}
}
