package scoring

import (
	"slices"
	"testing"
)

func TestReadHours(t *testing.T) {
	got, err := ReadHours("Mon-Tue 17:00-19:00; mar 7pm-19:30; sáb 9am-12pm; Sun 22:00-24:00")
	want := []DayHours{{0, 1020, 1140}, {1, 1020, 1170}, {5, 540, 720}, {6, 1320, 1440}}
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("%v, %v", got, err)
	}
	cell := WriteHours(got)
	if cell != "Mon 17:00-19:00; Tue 17:00-19:30; Sat 9:00-12:00; Sun 22:00-24:00" {
		t.Error(cell)
	}
	if again, err := ReadHours(cell); err != nil || !slices.Equal(again, want) {
		t.Errorf("%v, %v", again, err)
	}
	if _, err := ReadHours("Someday 9-10"); err == nil {
		t.Error("Someday is a day")
	}
	if ReadZone("America/Los_Angeles") != nil || ReadZone("Local") == nil || ReadZone("America/Los_Angles") == nil {
		t.Error("zones")
	}
	topics := ShippedTopics()
	id, ok := topics.Find("Grant writing")
	if !ok || topics.Parent(id) == "" || topics.Parent("nowhere") != "" || topics.Parent(topics.Parent(id)) != "" && topics.Parent(topics.Parent(id)) == id {
		t.Errorf("%q, %t", id, ok)
	}
}
