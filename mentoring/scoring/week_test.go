package scoring_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// hours reads hours through the intake, as a cell.
func hours(t *testing.T, cell, zone string) *scoring.Hours {
	t.Helper()
	in := scoring.NewIntake(scoring.DefaultRules(), scoring.ShippedTopics(), scoring.ShippedTravel())
	m, problems := in.Mentor("x", map[string]string{"hours": cell, "zone": zone})
	if len(problems) > 0 {
		t.Fatalf("%q in %s: %v", cell, zone, problems)
	}
	return m.Hours
}

func weekOf(t *testing.T, day string, minutes int) *scoring.Rules {
	t.Helper()
	r, err := scoring.ReadRules("rules.yaml", strings.NewReader(fmt.Sprintf("version: 1\nweek: %s\navailability: {minutes: %d}\n", day, minutes)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCommonStarts(t *testing.T) {
	const la, ny, london, kathmandu, auckland = "America/Los_Angeles", "America/New_York", "Europe/London", "Asia/Kathmandu", "Pacific/Auckland"
	for _, c := range []struct {
		name     string
		week     string
		minutes  int
		a, zoneA string
		b, zoneB string
		want     int
	}{
		{name: "an hour in an hour and a half", week: "2027-01-11", minutes: 60, a: "Mon 9:00-10:30", zoneA: la, b: "Mon 9am-5pm", zoneB: la, want: 2},
		{name: "half an hour is too short", week: "2027-01-11", minutes: 60, a: "Mon 9-10", zoneA: la, b: "Mon 9:30-12", zoneB: la, want: 0},
		{name: "two halves an hour apart are too short", week: "2027-01-11", minutes: 60, a: "Mon 9-9:30; Mon 10-10:30", zoneA: la, b: "Mon 9-12", zoneB: la, want: 0},
		{name: "three hours apart", week: "2027-01-11", minutes: 60, a: "Mon-Fri 9-10", zoneA: la, b: "Mon-Fri 12-13", zoneB: ny, want: 5},
		{name: "eight hours in winter", week: "2027-01-11", minutes: 60, a: "Mon 9-10", zoneA: la, b: "Mon 17-18", zoneB: london, want: 1},
		{name: "eight hours in summer", week: "2027-07-12", minutes: 60, a: "Mon 9-10", zoneA: la, b: "Mon 17-18", zoneB: london, want: 1},
		{name: "seven in the two weeks between", week: "2027-03-15", minutes: 60, a: "Mon 9-10", zoneA: la, b: "Mon 16-17", zoneB: london, want: 1},
		{name: "not eight between", week: "2027-03-15", minutes: 60, a: "Mon 9-10", zoneA: la, b: "Mon 17-18", zoneB: london, want: 0},
		{name: "the hour that the clock skips", week: "2027-03-08", minutes: 60, a: "Sun 2-3", zoneA: la, b: "Mon-Sun 0-24", zoneB: la, want: 0},
		{name: "around the hour that the clock skips", week: "2027-03-08", minutes: 60, a: "Sun 1-4", zoneA: la, b: "Mon-Sun 0-24", zoneB: la, want: 3},
		{name: "the hour that the clock repeats", week: "2027-11-01", minutes: 60, a: "Sun 1-2", zoneA: la, b: "Mon-Sun 0-24", zoneB: la, want: 3},
		{name: "a quarter of an hour off", week: "2027-01-11", minutes: 60, a: "Mon 9:00-10:15", zoneA: kathmandu, b: "Mon-Sun 0-24", zoneB: la, want: 1},
		{name: "a quarter of an hour off, too short", week: "2027-01-11", minutes: 60, a: "Mon 9:00-10:00", zoneA: kathmandu, b: "Mon-Sun 0-24", zoneB: la, want: 0},
		{name: "Monday there is Sunday here", week: "2027-01-11", minutes: 60, a: "Mon 9-10", zoneA: auckland, b: "Sun 12-13", zoneB: la, want: 1},
		{name: "over the end of the week", week: "2027-01-11", minutes: 120, a: "Sun 23-24; Mon 0-1", zoneA: "UTC", b: "Mon-Sun 0-24", zoneB: "UTC", want: 1},
		{name: "minutes that are no whole quarter of an hour", week: "2027-01-11", minutes: 60, a: "Mon 9:05-10:00", zoneA: la, b: "Mon 0-24", zoneB: la, want: 0},
		{name: "always", week: "2027-01-11", minutes: 60, a: "Mon-Sun 0-24", zoneA: la, b: "Sun-Sat 0-24", zoneB: ny, want: scoring.Slots},
		{name: "en español", week: "2027-01-11", minutes: 60, a: "lun-mié 9-10; sáb 8-9", zoneA: la, b: "Mon, Tue, Sat 8-10", zoneB: la, want: 3},
		{name: "Friday to Monday", week: "2027-01-11", minutes: 60, a: "Fri-Mon 9-10", zoneA: la, b: "Mon-Sun 9-10", zoneB: la, want: 4},
	} {
		if got := scoring.CommonStarts(weekOf(t, c.week, c.minutes), hours(t, c.a, c.zoneA), hours(t, c.b, c.zoneB)); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// Against a clock: for each half hour of the week, whether all of the minutes
// of a meeting that begins then are in the hours of both.
func TestCommonStartsAgainstClock(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	zones := []string{"America/Los_Angeles", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham", "America/St_Johns"}
	weeks := []string{"2027-01-11", "2027-03-08", "2027-03-29", "2027-11-01", "2027-04-05"}
	names := []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}
	some := false
	for range 60 {
		rules := weekOf(t, weeks[r.IntN(len(weeks))], 30+30*r.IntN(4))
		type window struct{ day, from, to int }
		var windows [2][]window
		var zone [2]*time.Location
		var h [2]*scoring.Hours
		for k := range h {
			cell := ""
			for range 3 + r.IntN(5) {
				w := window{day: r.IntN(7), from: 15 * r.IntN(80)}
				w.to = w.from + 15*(1+r.IntN(96-w.from/15))
				windows[k] = append(windows[k], w)
				cell += fmt.Sprintf("%s %d:%02d-%d:%02d;", names[w.day], w.from/60, w.from%60, w.to/60, w.to%60)
			}
			name := zones[r.IntN(len(zones))]
			zone[k], _ = time.LoadLocation(name)
			h[k] = hours(t, cell, name)
		}
		free := func(k int, at time.Time) bool {
			local := at.In(zone[k])
			day, minute := (int(local.Weekday())+6)%7, local.Hour()*60+local.Minute()
			for _, w := range windows[k] {
				if w.day == day && w.from <= minute && minute < w.to {
					return true
				}
			}
			return false
		}
		want := 0
		for slot := range scoring.Slots {
			ok := true
			for m := 0; m < rules.Minutes && ok; m += 5 {
				at := rules.Week.Add(time.Duration((slot*30+m)%(7*24*60)) * time.Minute)
				ok = free(0, at) && free(1, at)
			}
			if ok {
				want++
			}
		}
		if got := scoring.CommonStarts(rules, h[0], h[1]); got != want {
			t.Fatalf("week %s, %d minutes, %v in %s, %v in %s: %d, want %d", rules.Week.Format(time.DateOnly), rules.Minutes, windows[0], zone[0], windows[1], zone[1], got, want)
		}
		some = some || want > 0
	}
	if !some {
		t.Error("nobody ever had time")
	}
}

func TestHoursRefused(t *testing.T) {
	in := scoring.NewIntake(scoring.DefaultRules(), scoring.ShippedTopics(), scoring.ShippedTravel())
	for _, c := range []struct{ hours, zone, column, want string }{
		{"Mon 9-10", "", "zone", "is empty"},
		{"Mon 9-10", "Pacific", "zone", `"Pacific" is no zone`},
		{"Mon 9-10", "Local", "zone", "is no zone"},
		{"Mon 9-10", "America/Los_Angles", "zone", `did you mean "America/Los_Angeles"`},
		{"Mon 9-10", "../etc/passwd", "zone", "is no zone"},
		{"Mon", "UTC", "hours", "has no time"},
		{"Mon 9", "UTC", "hours", "has no end"},
		{"Mnday 9-10", "UTC", "hours", `did you mean "monday"`},
		{"9-10", "UTC", "hours", "is no day"},
		{"Mon 22-2", "UTC", "hours", "ends before it begins"},
		{"Mon 9-25", "UTC", "hours", "is no time of day"},
		{"Mon 9:60-10", "UTC", "hours", "is no time of day"},
		{"Mon 13pm-14", "UTC", "hours", "is no time of day"},
		{"Mon 9: -10", "UTC", "hours", "is no time of day"},
	} {
		_, problems := in.Mentee("x", map[string]string{"hours": c.hours, "zone": c.zone})
		if len(problems) != 1 || problems[0].Column != c.column || !strings.Contains(problems[0].Message, c.want) {
			t.Errorf("%q in %q: %v", c.hours, c.zone, problems)
		}
	}
}
