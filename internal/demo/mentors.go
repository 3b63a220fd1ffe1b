package demo

import "fmt"

// mentor and mentee are invented, like the applicants: the name says so, and the
// address lies in a domain that is reserved for examples. They are written down
// here and not drawn, so that the demo always has somebody who cannot be served.
type mentor struct {
	offers, about, experience, places, languages, hours, unit string
	seats                                                     int
}

type mentee struct {
	wants, goals, experience, places, languages, hours, unit, area string
}

// Hours at which many can meet, some cannot, and one never.
const (
	mornings = "Mon-Fri 8:00-10:00"
	noons    = "Mon-Thu 12:00-13:00"
	evenings = "Mon-Thu 17:00-19:00"
	weekend  = "Sat 9:00-12:00"
)

// Two areas, large enough to be compared; the five counties are not.
const (
	rural = "rural and islands"
	towns = "cities and towns"
)

var mentors = []mentor{
	{"Grant writing:3; Fundraising:2", "Twenty years of grants for food banks and shelters", "14", "skagit", "English", evenings, "Invented Food Bank", 2},
	{"Supervision:3; Feedback:3; Difficult conversations:2", "He supervisado equipos clínicos y acompaño a jefaturas nuevas", "12", "skagit;whatcom", "Spanish;English", evenings + "; " + weekend, "Invented Clinic", 2},
	{"Coalition building:3; Collective impact:2", "I brought island clinics into one coalition with shared data", "18", "island", "English", mornings + "; " + noons, "Invented County Health", 2},
	{"Racial equity:3; Community organizing:3", "Organizer first, director later", "15", "snohomish", "English;Spanish", evenings, "Invented Equity Fund", 2},
	{"Budgeting:3; Reading financial statements:3", "A budget is a story about what matters", "16", "snohomish", "English", noons, "Invented Housing Trust", 2},
	{"Behavioral health:3; Crisis services:2; Preventing burnout:2", "Crisis teams, and how they last", "11", "whatcom", "English", mornings + "; " + noons, "Invented Crisis Team", 2},
	{"Leading change:3; Strategic planning:2", "Three reorganizations, two of them good", "20", "snohomish;skagit", "English", evenings, "Invented Health Network", 2},
	{"Working with a board:3; Succession planning:2", "I have been the board and the director", "22", "whatcom", "English", noons + "; " + evenings, "Invented Foundation", 2},
	{"Data analysis:2; Program evaluation:3", "Counting what people say counts", "9", "snohomish", "English", mornings, "Invented Data Office", 2},
	{"Serving rural and island communities:3; Telehealth:2", "The clinic at the end of the ferry line", "13", "san_juan", "English", noons + "; " + weekend, "Invented Island Clinic", 2},
	{"Housing:3; Working with local government:2", "From shelter night shifts to city hall", "10", "skagit", "English", evenings, "Invented Shelter", 2},
	{"Public speaking:3; Storytelling:3; Media relations:2", "Say it so that it is heard", "12", "whatcom", "English;Vietnamese", evenings, "Invented Radio", 1},
	{"Early childhood:3; Working with schools:2", "Classrooms, clinics, kitchens", "14", "island;skagit", "English", mornings, "Invented School", 2},
	{"Community health workers:3; Language access:3", "Promotora primero, directora después", "11", "skagit", "Spanish", weekend, "Invented Promotoras", 1},
}

var mentees = []mentee{
	{"Grant writing:3; Budgeting", "I want to write grants for our food bank", "8", "skagit", "English", evenings, "Invented Farm Stand", rural},
	{"Supervisión:3; Retroalimentación", "Soy supervisora nueva y quiero dar retroalimentación sin miedo", "9", "skagit", "Spanish", evenings, "Invented Cannery", rural},
	{"Promotores de salud:3", "Queremos un programa de promotoras", "7", "skagit", "Spanish", weekend, "Invented Church", rural},
	{"Acceso lingüístico:3; Supervisión", "Que nadie traduzca a su propia madre", "8", "whatcom", "Spanish", weekend, "Invented Hospital", towns},
	{"Liderazgo:2; Equidad racial:3", "Llevar la voz de mi comunidad a la mesa", "10", "snohomish", "Spanish", evenings, "Invented Youth Center", towns},
	{"Formación de coaliciones:3", "Unir a las clínicas de las islas", "9", "island", "Spanish", evenings, "Invented Ferry Clinic", rural},
	{"Supervision:3; Managing stress", "To lead a night shift and stay well", "6", "san_juan", "English", noons, "Invented Island Clinic", rural},
	{"Serving rural and island communities:3", "One nurse, three islands", "8", "san_juan", "English", weekend, "Invented Island Nurses", rural},
	{"Telehealth:3; Data analysis", "Clinics that meet people where they are", "9", "island", "English", noons, "Invented Bay Clinic", rural},
	{"Coalition building:3; Collective impact:2", "Shared data for four clinics", "12", "island", "English", mornings, "Invented Island Pantry", rural},
	{"Early childhood:2; Program design:3", "A preschool where there is none", "10", "island", "English", mornings, "Invented Preschool", rural},
	{"Housing:3; Working with local government:2", "Farm workers need roofs", "7", "skagit", "English", evenings, "Invented Growers", rural},
	{"Indigenous approaches to wellness:3; Leading change:2", "Healing that is ours", "13", "whatcom", "English", evenings, "Invented Canoe Family", rural},
	{"Racial equity:3; Community organizing:2", "From protest to policy", "11", "snohomish", "English", evenings, "Invented Coalition", towns},
	{"Budgeting:3; Reading financial statements:2", "To read the numbers before they read me", "9", "snohomish", "English", noons, "Invented Job Center", towns},
	{"Behavioral health:3; Preventing burnout:2", "My team is tired", "10", "whatcom", "English", noons, "Invented Recovery House", towns},
	{"Crisis services:3; Supervision:2", "Supervise without burning out", "8", "whatcom", "English", mornings, "Invented Hotline", towns},
	{"Leading change:3; Delegation:2", "Merging two offices", "15", "snohomish", "English", evenings, "Invented Merger", towns},
	{"Working with a board:3", "First year as a director", "18", "snohomish", "English", noons, "Invented Thrift Store", towns},
	{"Program evaluation:3; Data analysis:2", "To know if it helped", "6", "snohomish", "English", mornings, "Invented Outreach", towns},
	{"Public speaking:3; Storytelling:2", "Speak at the council", "9", "snohomish", "Vietnamese;English", evenings, "Invented Tea House", towns},
	{"Food security:3; Supervision:2", "Triqui families in the valley", "5", "skagit", "Triqui", weekend, "Invented Milpa", rural},
	{"Strategic planning:3; Fundraising:2", "Five years ahead", "14", "whatcom", "English", evenings, "Invented Museum", towns},
	{"Homelessness services:3; Housing:2", "Winter shelter, every winter", "9", "snohomish", "English", evenings, "Invented Night Shelter", towns},
}

// memberWants are what the members of the cohort want to learn, one after the
// other.
var memberWants = []string{"Leading change:3; Racial equity:2", "Grant writing:3; Strategic planning", "Supervision:3; Difficult conversations:2", "Working with a board:3; Public speaking", "Data analysis:2; Program evaluation:3"}

type enrollmentMessage struct {
	Name     string            `json:"name,omitempty"`
	Code     string            `json:"code,omitempty"`
	Contact  contactMessage    `json:"contact"`
	Profile  map[string]string `json:"profile"`
	Seats    int               `json:"seats,omitempty"`
	Wanted   int               `json:"wanted,omitempty"`
	Language string            `json:"language"`
	Consents []agreedMessage   `json:"consents"`
}

type agreedMessage struct {
	Purpose string `json:"purpose"`
	Given   bool   `json:"given"`
}

var agreed = []agreedMessage{{"MATCHING", true}, {"CONTACT", true}, {"MEASURES", true}}

const clock = "America/Los_Angeles"

func (m *mentor) message(n int) enrollmentMessage {
	return enrollmentMessage{
		Contact: contactMessage{Name: fmt.Sprintf("Invented Mentor %02d", n), Email: fmt.Sprintf("mentor-%02d@example.org", n)},
		Profile: map[string]string{
			"offers": m.offers, "about": m.about, "experience": m.experience, "places": m.places, "languages": m.languages,
			"zone": clock, "hours": m.hours, "units": m.unit,
		},
		Seats: m.seats, Language: "en", Consents: agreed,
	}
}

func (m *mentee) message(n int) enrollmentMessage {
	return enrollmentMessage{
		Contact: contactMessage{Name: fmt.Sprintf("Invented Mentee %02d", n), Email: fmt.Sprintf("mentee-%02d@example.org", n)},
		Profile: map[string]string{
			"wants": m.wants, "goals": m.goals, "experience": m.experience, "places": m.places, "languages": m.languages,
			"zone": clock, "hours": m.hours, "units": m.unit, "area": m.area,
		},
		Wanted: 1, Language: "en", Consents: agreed,
	}
}
