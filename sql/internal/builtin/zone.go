package builtin

import (
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zones are there without files of the system
)

// shortZones are the names of three letters that Java's TimeZone has beside those of the IANA.
var shortZones = map[string]string{
	"ACT": "Australia/Darwin", "AET": "Australia/Sydney", "AGT": "America/Argentina/Buenos_Aires", "ART": "Africa/Cairo",
	"AST": "America/Anchorage", "BET": "America/Sao_Paulo", "BST": "Asia/Dhaka", "CAT": "Africa/Harare",
	"CNT": "America/St_Johns", "CST": "America/Chicago", "CTT": "Asia/Shanghai", "EAT": "Africa/Addis_Ababa",
	"ECT": "Europe/Paris", "IET": "America/Indiana/Indianapolis", "IST": "Asia/Kolkata", "JST": "Asia/Tokyo",
	"MIT": "Pacific/Apia", "NET": "Asia/Yerevan", "NST": "Pacific/Auckland", "PLT": "Asia/Karachi", "PNT": "America/Phoenix",
	"PRT": "America/Puerto_Rico", "PST": "America/Los_Angeles", "SST": "Pacific/Guadalcanal", "VST": "Asia/Ho_Chi_Minh",
	"CEST": "Europe/Paris", "CET": "CET", "PDT": "America/Los_Angeles", "CDT": "America/Chicago", "EDT": "America/New_York",
	"MDT": "America/Denver",
}

var loaded sync.Map // *time.Location by name

// namedZone is a zone of the IANA, or one of three letters.
func namedZone(name string) (*time.Location, bool) {
	if z, ok := loaded.Load(name); ok {
		return z.(*time.Location), true
	}
	id := name
	if short := shortZones[name]; short != "" {
		id = short
	}
	zone, err := time.LoadLocation(id)
	if err != nil || name == "" || name == "Local" {
		return nil, false
	}
	loaded.Store(name, zone)
	return zone, true
}

// timeZone is the zone of a name as Java's TimeZone has it: GMT+8 and GMT-3:30 too; others are UTC.
func timeZone(name string) *time.Location {
	if offset, ok := strings.CutPrefix(name, "GMT"); ok && offset != "" {
		if s, n := parseOffset([]byte(offset)); n > 0 && n == len(offset) {
			return fixedZone(s)
		}
	}
	if zone, ok := namedZone(name); ok {
		return zone
	}
	return time.UTC
}

// zoneID is the zone of a name as Java's ZoneId has it: +08:00, UTC+8 and those of the IANA.
func zoneID(name string) (*time.Location, bool) {
	offset := name
	for _, p := range []string{"UTC", "GMT", "UT"} {
		if rest, ok := strings.CutPrefix(name, p); ok {
			offset = rest
			break
		}
	}
	if offset == "Z" || offset == "" && name != "" {
		return time.UTC, true
	}
	if s, n := parseOffset([]byte(offset)); n > 0 && n == len(offset) {
		return fixedZone(s), true
	}
	if shortZones[name] != "" && shortZones[name] != name || name == "EST" || name == "MST" || name == "HST" {
		return nil, false
	}
	return namedZone(name)
}

func fixedZone(seconds int64) *time.Location { return time.FixedZone("", int(seconds)) }
