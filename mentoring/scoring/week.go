package scoring

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones on machines that have none

	"github.com/openfairlead/fairlead/matcher/nearest"
)

const (
	slotMinutes = 30
	slots       = 7 * 24 * 60 / slotMinutes // of a week
	quarters    = 2 * slots
	slotWords   = (slots + 63) / 64
)

// Hours are hours of a week on the clock of a zone. Quarters of an hour are the
// finest that is kept: no zone is shifted by less.
type Hours struct {
	zone *time.Location
	have [(quarters + 63) / 64]uint64 // from Monday 0:00 on the local clock
}

// slotSet is a set of half hours of the reference week, from its Monday 0:00
// UTC.
type slotSet [slotWords]uint64

func (s *slotSet) has(i int) bool { return s[i>>6]>>(i&63)&1 != 0 }

// calendar turns hours on local clocks into half hours of one week in UTC.
type calendar struct {
	monday time.Time                    // 0:00 UTC
	run    int                          // slots that a meeting takes
	local  map[string]*[quarters]uint16 // by zone: what the clock shows at each quarter of the week
}

func newCalendar(monday time.Time, minutes int) *calendar {
	return &calendar{monday: monday, run: minutes / slotMinutes, local: map[string]*[quarters]uint16{}}
}

// slots are the half hours that somebody has in the reference week. Going from
// UTC to the local clock, and not back, gives hours that the clock skips to
// nobody and hours that it repeats twice. A half hour counts if both its
// quarters do.
func (c *calendar) slots(h *Hours) slotSet {
	local := c.local[h.zone.String()]
	if local == nil {
		local = new([quarters]uint16)
		for q := range local {
			t := c.monday.Add(time.Duration(q) * 15 * time.Minute).In(h.zone)
			day := (int(t.Weekday()) + 6) % 7
			local[q] = uint16(day*96 + t.Hour()*4 + t.Minute()/15)
		}
		c.local[h.zone.String()] = local
	}
	var s slotSet
	for q := 0; q < quarters; q += 2 {
		a, b := local[q], local[q+1]
		if h.have[a>>6]>>(a&63)&1 != 0 && h.have[b>>6]>>(b&63)&1 != 0 {
			s[q>>7] |= 1 << (q >> 1 & 63)
		}
	}
	return s
}

// starts are the slots at which a meeting can begin: all that it takes are
// there. The week goes round, as weeks do. What two people can begin together
// is what both can begin.
func (c *calendar) starts(s slotSet) slotSet {
	var out slotSet
	for i := range slots {
		ok := true
		for k := 0; k < c.run && ok; k++ {
			ok = s.has((i + k) % slots)
		}
		if ok {
			out[i>>6] |= 1 << (i & 63)
		}
	}
	return out
}

// common counts the half hours at which both can begin a meeting.
func common(a, b *slotSet) int {
	return bits.OnesCount64(a[0]&b[0]) + bits.OnesCount64(a[1]&b[1]) + bits.OnesCount64(a[2]&b[2]) +
		bits.OnesCount64(a[3]&b[3]) + bits.OnesCount64(a[4]&b[4]) + bits.OnesCount64(a[5]&b[5])
}

// A span is a time of the week in which meetings can be.
type span struct{ from, slots int }

// spans are the times in which meetings with these starts can be, the longest
// first, of equals the earliest.
func (c *calendar) spans(starts *slotSet) []span {
	var free slotSet
	n := 0
	for i := range slots {
		if starts.has(i) {
			n++
			for k := range c.run {
				at := (i + k) % slots
				free[at>>6] |= 1 << (at & 63)
			}
		}
	}
	if n == 0 {
		return nil
	}
	if n == slots {
		return []span{{0, slots}}
	}
	var out []span
	for i := range slots {
		if !free.has(i) || free.has((i+slots-1)%slots) {
			continue
		}
		length := 1
		for free.has((i + length) % slots) {
			length++
		}
		out = append(out, span{i, length})
	}
	slices.SortStableFunc(out, func(a, b span) int { return b.slots - a.slots })
	return out
}

// words tells a span on the clock of a zone.
func (c *calendar) words(s span, zone *time.Location) string {
	from := c.monday.Add(time.Duration(s.from) * slotMinutes * time.Minute).In(zone)
	to := from.Add(time.Duration(s.slots) * slotMinutes * time.Minute).In(zone)
	return from.Format("Mon 15:04") + " to " + to.Format("Mon 15:04")
}

var dayNames = map[string]int{}

func init() {
	for day, names := range []string{
		"mon monday mondays lun lunes", "tue tues tuesday tuesdays mar martes", "wed wednesday wednesdays mie mié miércoles miercoles",
		"thu thur thurs thursday thursdays jue jueves", "fri friday fridays vie viernes", "sat saturday saturdays sab sáb sábado sabado",
		"sun sunday sundays dom domingo",
	} {
		for _, n := range strings.Fields(names) {
			dayNames[n] = day
		}
	}
}

// parseZone finds a zone by its IANA name.
func parseZone(name string) (*time.Location, error) {
	// LoadLocation takes "" and "Local" too, and both depend on the machine.
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("%q is no zone: write an IANA name, such as America/Los_Angeles", name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil || !strings.Contains(name, "/") && name != "UTC" {
		return nil, fmt.Errorf("%q is no zone%s: write an IANA name, such as America/Los_Angeles", name, strings.TrimSuffix(nearest.Hint(name, commonZones), "?"))
	}
	return zone, nil
}

// commonZones are those that a hint can mean.
var commonZones = []string{
	"America/Los_Angeles", "America/Denver", "America/Phoenix", "America/Chicago", "America/New_York", "America/Anchorage", "Pacific/Honolulu",
	"America/Vancouver", "America/Toronto", "America/Mexico_City", "America/Bogota", "America/Puerto_Rico", "Europe/London", "Europe/Madrid", "UTC",
}

// parseHours reads hours as people write them: items of days and times, joined
// by semicolons, such as "Mon-Thu 17:00-19:00; Sat 9am-12pm".
func parseHours(cell string, zone *time.Location) (*Hours, error) {
	h := &Hours{zone: zone}
	for item := range strings.SplitSeq(cell, ";") {
		item = strings.ToLower(strings.TrimSpace(strings.NewReplacer("–", "-", "—", "-").Replace(item)))
		if item == "" {
			continue
		}
		at := strings.IndexFunc(item, func(r rune) bool { return r >= '0' && r <= '9' })
		if at < 0 {
			return nil, fmt.Errorf("%q has no time: write days and a time, such as Mon-Thu 17:00-19:00", item)
		}
		days, err := parseDays(strings.TrimSpace(item[:at]))
		if err != nil {
			return nil, fmt.Errorf("%q: %w", item, err)
		}
		first, second, ok := strings.Cut(strings.ReplaceAll(item[at:], " ", ""), "-")
		if !ok {
			return nil, fmt.Errorf("%q has no end: write a time from and to, such as 17:00-19:00", item)
		}
		from, err := parseClock(first)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", item, err)
		}
		to, err := parseClock(second)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", item, err)
		}
		if to <= from {
			return nil, fmt.Errorf("%q ends before it begins: a time over midnight is two items, such as Fri 22:00-24:00; Sat 0:00-2:00", item)
		}
		for _, day := range days {
			for q := day*96 + (from+14)/15; q < day*96+to/15; q++ { // whole quarters
				h.have[q>>6] |= 1 << (q & 63)
			}
		}
	}
	return h, nil
}

func parseDays(text string) ([]int, error) {
	var days []int
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(part), "-")
		from, err := parseDay(first)
		if err != nil {
			return nil, err
		}
		to := from
		if isRange {
			if to, err = parseDay(last); err != nil {
				return nil, err
			}
		}
		for day := from; ; day = (day + 1) % 7 {
			days = append(days, day)
			if day == to {
				break
			}
		}
	}
	return days, nil
}

func parseDay(text string) (int, error) {
	name := strings.TrimSuffix(strings.TrimSpace(text), ".")
	if day, ok := dayNames[name]; ok {
		return day, nil
	}
	hint := nearest.Hint(name, []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"})
	return 0, fmt.Errorf("%q is no day%s: write Mon, Tue, Wed, Thu, Fri, Sat or Sun", name, strings.TrimSuffix(hint, "?"))
}

// parseClock reads 9, 09:00, 17:30, 9am or 5:30pm as minutes since midnight.
func parseClock(text string) (int, error) {
	bad := fmt.Errorf("%q is no time of day: write 9:00, 17:30 or 5:30pm", text)
	digits, pm := text, -1
	if t, ok := strings.CutSuffix(text, "am"); ok {
		digits, pm = t, 0
	} else if t, ok := strings.CutSuffix(text, "pm"); ok {
		digits, pm = t, 1
	}
	hour, minute, _ := strings.Cut(digits, ":")
	h, err := strconv.Atoi(hour)
	m := 0
	if err == nil && minute != "" {
		m, err = strconv.Atoi(minute)
	}
	switch {
	case err != nil || strings.HasSuffix(digits, ":") || h < 0 || m < 0 || m > 59 || h > 24 || h == 24 && m > 0:
		return 0, bad
	case pm >= 0 && (h < 1 || h > 12):
		return 0, bad
	case pm >= 0:
		h = h%12 + 12*pm
	}
	return h*60 + m, nil
}
