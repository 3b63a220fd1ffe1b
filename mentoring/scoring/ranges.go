package scoring

import (
	"fmt"
	"strings"
)

// DayHours are hours of a day of the week, in minutes since midnight on the
// person's own clock.
type DayHours struct {
	Day      int // 0 is Monday
	From, To int // To is 1440 at midnight
}

// ReadZone tells whether a name is one of a zone, in the words of [Intake].
func ReadZone(name string) error {
	_, err := parseZone(name)
	return err
}

// ReadHours reads hours as a profile has them, and gives them by day, times that
// touch as one.
func ReadHours(cell string) ([]DayHours, error) {
	h, err := parseHours(cell, nil)
	if err != nil {
		return nil, err
	}
	var out []DayHours
	for q := range quarters {
		if h.have[q>>6]>>(q&63)&1 == 0 {
			continue
		}
		day, from := q/96, q%96*15
		if last := len(out) - 1; last >= 0 && out[last].Day == day && out[last].To == from {
			out[last].To += 15
			continue
		}
		out = append(out, DayHours{Day: day, From: from, To: from + 15})
	}
	return out, nil
}

// WriteHours is the cell that ReadHours reads.
func WriteHours(list []DayHours) string {
	days := [7]string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}
	var items []string
	for _, h := range list {
		items = append(items, fmt.Sprintf("%s %d:%02d-%d:%02d", days[h.Day], h.From/60, h.From%60, h.To/60, h.To%60))
	}
	return strings.Join(items, "; ")
}

// Find gives the id of a topic by id, label or synonym, as a profile names it.
func (t *Topics) Find(name string) (id string, ok bool) {
	at, ok := t.find(name)
	if !ok {
		return "", false
	}
	return t.list[at].id, true
}

// Parent is the area that a topic is a part of, or "".
func (t *Topics) Parent(id string) string {
	at, ok := t.byID[id]
	if !ok || t.list[at].parent < 0 {
		return ""
	}
	return t.list[t.list[at].parent].id
}
