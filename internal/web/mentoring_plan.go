package web

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/applications"
	"github.com/openfairlead/fairlead/matcher/pairing"
	"github.com/openfairlead/fairlead/mentoring"
	"github.com/openfairlead/fairlead/mentoring/scoring"
)

// The plan of a program's mentoring: who may enroll, how people are matched, and
// what each hard rule costs, before it is saved.

// planPage is the plan as typed.
type planPage struct {
	frame
	Sub          []tab
	Path         string
	New, MayRun  bool
	Open         bool
	Screening    bool
	Numbers      []typedField // how many at most
	Days         typedField
	Contact      typedField
	Order        []termChoice
	OrderFault   string
	Audited      typedField
	FloorOf      typedField
	Floors       typedField
	Hard         []ruleChoice
	Always       []string
	Weights      []typedField
	Steps        []stepGroup
	StepsOpen    bool
	Week, Items  typedField
	RulesFaults  []string
	Prices       *pricesView
	Ask          string // what has to be looked at before it is saved
	Priced       string
	Revision     string
	Request      string
	Faults       []fault
	Saved        bool
	AuditColumns string
}

// termChoice is where a term stands in the objective.
type termChoice struct {
	Name, Label, Text string
	Places            []option
}

// ruleChoice is a hard rule that can be lifted.
type ruleChoice struct {
	Name, Label, Text string
	On                bool
}

// stepGroup are numbers that belong together.
type stepGroup struct {
	Heading, Text string
	Fields        []typedField
}

// pricesView says what hard rules take.
type pricesView struct {
	Pool  string
	Now   string
	Then  string // with the rules as typed, where they differ
	Rules []priceLine
}

type priceLine struct{ Label, Word, Text string }

// planRules are the rules of a saved plan: peopleDesk leaves out those that cannot
// be read.
func planRules(plan *mentoring.Plan) *scoring.Rules {
	rules, err := plan.ScoringRules()
	if err != nil {
		panic(err)
	}
	return rules
}

func (s *server) getPlan(w http.ResponseWriter, r *http.Request) error {
	d, err := s.peopleDesk(r)
	if err != nil {
		return err
	}
	page := newPlanPage(s.staffFrame(r, "programs"), d, planForm(d.plan))
	page.Saved = d.plan != nil && r.URL.Query().Get("saved") == "yes"
	if d.unreadable {
		page.Ask = page.tongue.say("plan.rules.unreadable")
	}
	s.render(w, r, http.StatusOK, "plan", page)
	return nil
}

var planNumbers = []string{"max_seats", "max_wanted", "max_never", "max_wishes"}

// planForm is a plan as its form would be posted; nil: what is usual.
func planForm(plan *mentoring.Plan) url.Values {
	f := url.Values{}
	if plan == nil {
		plan = &mentoring.Plan{MaxSeats: 3, MaxWanted: 3, MaxNever: 10, MaxWishes: 5, AnswerTime: 14 * 24 * time.Hour, Screening: true}
	}
	flag := func(name string, on bool) {
		if on {
			f.Set(name, "yes")
		}
	}
	flag("open", plan.Open)
	flag("screening", plan.Screening)
	for i, n := range []int{plan.MaxSeats, plan.MaxWanted, plan.MaxNever, plan.MaxWishes} {
		f.Set(planNumbers[i], itoa(n))
	}
	f.Set("days", strconv.FormatFloat(plan.AnswerTime.Hours()/24, 'f', -1, 64))
	f.Set("contact", plan.Contact)
	terms := plan.Objectives
	if len(terms) == 0 {
		for _, t := range pairing.DefaultObjective() {
			terms = append(terms, t.String())
		}
	}
	for i, t := range terms {
		f.Set("order."+t, itoa(i+1))
	}
	f.Set("audited", strings.Join(plan.Audited, ", "))
	if plan.Floors != nil {
		f.Set("floor_of", plan.Floors.Attribute)
		var lines []string
		for _, value := range slices.Sorted(maps.Keys(plan.Floors.Min)) {
			lines = append(lines, value+": "+itoa(plan.Floors.Min[value]))
		}
		f.Set("floors", strings.Join(lines, "\n"))
	}
	rules := planRules(plan)
	for i, on := range rules.Hard {
		flag("hard."+scoring.Rule(i).String(), on)
	}
	for i, n := range rules.Weights {
		f.Set("weight."+scoring.Feature(i).String(), itoa(n))
	}
	for _, group := range ruleSteps(rules) {
		for _, n := range group.numbers {
			f.Set("step."+group.key+"."+n.key, itoa(*n.at))
		}
	}
	f.Set("week", rules.Week.Format(time.DateOnly))
	f.Set("items", strings.Join(rules.Items, ", "))
	f.Set("revision", strconv.FormatInt(plan.Revision, 10))
	return f
}

func newPlanPage(f frame, d *peopleDesk, form url.Values) *planPage {
	l := f.tongue
	page := &planPage{
		frame: f, Path: d.path("/plan"), New: d.plan == nil, MayRun: d.run, Request: nonce(), Revision: form.Get("revision"),
		Open: form.Get("open") == "yes", Screening: form.Get("screening") == "yes", StepsOpen: form.Get("steps_open") == "yes",
	}
	if d.plan != nil {
		page.Sub = mentoringTabs(l, d.program.ID, "plan")
	}
	field := func(name, key string, long bool) typedField {
		t := typedField{Name: name, Label: l.say("plan." + key), Value: form.Get(name), Long: long}
		if _, ok := catalogs["en"]["plan."+key+".hint"]; ok {
			t.Hint = l.say("plan." + key + ".hint")
		}
		return t
	}
	for _, name := range planNumbers {
		number := field(name, name, false)
		number.Short = true
		page.Numbers = append(page.Numbers, number)
	}
	page.Days, page.Contact = field("days", "days", false), field("contact", "contact", true)
	for _, term := range pairing.TermNames() {
		c := termChoice{Name: "order." + term, Label: l.say("plan.term." + term), Text: l.say("plan.term." + term + ".text")}
		c.Places = append(c.Places, option{"", l.say("plan.order.none"), form.Get(c.Name) == ""})
		for n := range pairing.TermNames() {
			c.Places = append(c.Places, option{itoa(n + 1), itoa(n + 1), form.Get(c.Name) == itoa(n+1)})
		}
		page.Order = append(page.Order, c)
	}
	slices.SortStableFunc(page.Order, func(a, b termChoice) int {
		return cmp.Compare(placeIn(form.Get(a.Name)), placeIn(form.Get(b.Name)))
	})
	page.Audited, page.FloorOf, page.Floors = field("audited", "audited", false), field("floor_of", "floor_of", false), field("floors", "floors", true)
	var known []string
	for _, c := range profileColumns(d.plan, mentoring.Mentee) {
		known = append(known, c.Name)
	}
	page.AuditColumns = strings.Join(known, ", ")
	rules := scoring.DefaultRules()
	for i := range rules.Hard {
		name := scoring.Rule(i).String()
		label := l.say("plan.rule." + name)
		if !scoring.Liftable(name) {
			page.Always = append(page.Always, label)
			continue
		}
		page.Hard = append(page.Hard, ruleChoice{"hard." + name, label, l.say("plan.rule." + name + ".text"), form.Get("hard."+name) == "yes"})
	}
	for i := range rules.Weights {
		name := scoring.Feature(i).String()
		page.Weights = append(page.Weights, typedField{Name: "weight." + name, Label: featureLabel(l, name), Value: form.Get("weight." + name)})
	}
	for _, group := range ruleSteps(rules) {
		g := stepGroup{Heading: l.say("plan.step." + group.key), Text: l.say("plan.step." + group.key + ".text")}
		for _, n := range group.numbers {
			name := "step." + group.key + "." + n.key
			g.Fields = append(g.Fields, typedField{Name: name, Label: l.say("plan." + name), Value: form.Get(name)})
		}
		page.Steps = append(page.Steps, g)
	}
	page.Week, page.Items = field("week", "week", false), field("items", "items", false)
	page.Days.Short, page.Week.Short = true, true
	title := l.say("plan.title")
	page.Crumbs = peopleCrumbs(l, d.program, title)
	page.titled(title, l.phrase(d.program.Title).Text, "Fairlead")
	return page
}

// placeIn is a place in the order; what is not used comes last.
func placeIn(s string) int {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	return 99
}

// readPlan reads the form; faults are by field.
func readPlan(l tongue, d *peopleDesk, form url.Values) (*mentoring.Plan, map[string]string) {
	faults := map[string]string{}
	number := func(name string) int {
		n, err := strconv.Atoi(clean(form.Get(name), false))
		if err != nil {
			faults[name] = l.say("people.fault.number")
		}
		return n
	}
	p := &mentoring.Plan{
		Program: d.program.ID, Open: form.Get("open") == "yes", Screening: form.Get("screening") == "yes",
		MaxSeats: number("max_seats"), MaxWanted: number("max_wanted"), MaxNever: number("max_never"), MaxWishes: number("max_wishes"),
		Contact: clean(form.Get("contact"), true),
	}
	// What is 0 would be taken for what is usual.
	for i, n := range []int{p.MaxSeats, p.MaxWanted, p.MaxNever, p.MaxWishes} {
		if n < 1 && faults[planNumbers[i]] == "" {
			faults[planNumbers[i]] = l.say("plan.fault.least")
		}
	}
	p.Revision, _ = strconv.ParseInt(form.Get("revision"), 10, 64)
	days, err := strconv.ParseFloat(strings.Replace(clean(form.Get("days"), false), ",", ".", 1), 64)
	if err != nil || days < 1.0/24-1e-9 || days > 90 {
		faults["days"] = l.say("plan.fault.days")
	} else {
		p.AnswerTime = time.Duration(days*24*3600+.5) * time.Second
	}
	if p.Contact == "" {
		faults["contact"] = l.say("plan.fault.contact")
	}
	if message := readOrder(l, form, p); message != "" {
		faults["order"] = message
	}
	for name := range strings.SplitSeq(form.Get("audited"), ",") {
		if name = strings.TrimSpace(name); name != "" && !slices.Contains(p.Audited, name) {
			p.Audited = append(p.Audited, name)
		}
	}
	of, lines := clean(form.Get("floor_of"), false), clean(form.Get("floors"), true)
	if of != "" || lines != "" {
		p.Floors = &mentoring.Floors{Attribute: of, Min: map[string]int{}}
		for line := range strings.Lines(lines) {
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			at := strings.LastIndexByte(line, ':')
			n, err := strconv.Atoi(strings.TrimSpace(line[at+1:]))
			if at < 1 || err != nil || n < 0 {
				faults["floors"] = l.say("plan.fault.floors", "line", shortened(line))
				break
			}
			p.Floors.Min[strings.TrimSpace(line[:at])] = n
		}
		if of == "" {
			faults["floor_of"] = l.say("plan.fault.floor_of")
		} else if lines == "" {
			faults["floors"] = l.say("plan.fault.floors_empty")
		}
	}
	rules, wrong := readRuleForm(l, form)
	maps.Copy(faults, wrong)
	p.Rules = rulesText(d.plan, rules)
	return p, faults
}

// readOrder reads the places of the terms into the plan, or says what is wrong.
func readOrder(l tongue, form url.Values, p *mentoring.Plan) string {
	places := map[int]string{}
	for _, term := range pairing.TermNames() {
		n, err := strconv.Atoi(form.Get("order." + term))
		if err != nil || n < 1 {
			continue
		}
		if other := places[n]; other != "" {
			return l.say("plan.fault.order_twice", "n", n, "one", l.say("plan.term."+other), "two", l.say("plan.term."+term))
		}
		places[n] = term
	}
	if len(places) == 0 {
		return l.say("plan.fault.order_none")
	}
	for _, n := range slices.Sorted(maps.Keys(places)) {
		p.Objectives = append(p.Objectives, places[n])
	}
	before := func(a, b string) bool {
		i, j := slices.Index(p.Objectives, a), slices.Index(p.Objectives, b)
		return i >= 0 && i < j
	}
	for _, x := range [][2]string{{"cover", "cover2"}, {"cover2", "cover3"}, {"cover", "worst"}} {
		if slices.Contains(p.Objectives, x[1]) && !before(x[0], x[1]) {
			return l.say("plan.fault.order_after", "one", l.say("plan.term."+x[0]), "two", l.say("plan.term."+x[1]))
		}
	}
	return ""
}

func (s *server) postPlan(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return badForm(err)
	}
	d, err := s.peopleDesk(r)
	if err != nil {
		return err
	}
	if err := d.mayRun(); err != nil {
		return err
	}
	form := r.PostForm
	page := newPlanPage(s.staffFrame(r, "programs"), d, form)
	page.Languages = nil
	l := page.tongue
	plan, faults := readPlan(l, d, form)
	if len(faults) > 0 {
		page.blame(faults, nil)
		s.render(w, r, http.StatusUnprocessableEntity, "plan", page)
		return nil
	}
	mark := rulesMark(plan.Rules)
	typed, err := plan.ScoringRules() // the service says what is wrong with them
	harder := err == nil && d.plan != nil && typed.Hard != planRules(d.plan).Hard
	if form.Get("go") == "price" || harder && form.Get("priced") != mark {
		if d.plan == nil {
			page.Ask = l.say("plan.price.nobody")
		} else if page.Prices, err = s.prices(r, d, plan); err != nil {
			if _, others, ok := violations(err, nil); ok {
				page.blame(map[string]string{"rules": s.refusal(l, err)}, others)
				s.render(w, r, http.StatusUnprocessableEntity, "plan", page)
				return nil
			}
			return err
		} else {
			page.Priced = mark
			if form.Get("go") != "price" {
				page.Ask = l.say("plan.price.first")
			}
		}
		s.render(w, r, http.StatusOK, "plan", page)
		return nil
	}
	_, err = pressedOnce(r, func(idem applications.Idempotency) (*mentoring.Plan, error) {
		return s.Mentoring.SavePlan(r.Context(), d.who, plan, idem)
	})
	switch reason := applications.ReasonOf(err); {
	case err == nil:
		seeOther(w, r, d.path("/plan")+"?saved=yes")
		return nil
	case reason == "STALE_REVISION" || reason == "PLAN_EXISTS":
		page.blame(nil, []string{l.say("plan.fault.stale")})
		s.render(w, r, http.StatusConflict, "plan", page)
		return nil
	}
	found, others, ok := violations(err, nil)
	if !ok {
		return err
	}
	page.blame(found, others)
	s.render(w, r, http.StatusUnprocessableEntity, "plan", page)
	return nil
}

// blame puts faults beside their fields and into the list on top.
func (page *planPage) blame(faults map[string]string, others []string) {
	for from, to := range map[string]string{"answer_time": "days", "floors.attribute": "floor_of", "objectives": "order"} {
		if m := faults[from]; m != "" {
			faults[to] = m
			delete(faults, from)
		}
	}
	for field := range faults {
		if strings.HasPrefix(field, "audited[") {
			faults["audited"] = page.tongue.say("plan.fault.audited")
			delete(faults, field)
		}
	}
	if m := faults["rules"]; m != "" {
		for line := range strings.Lines(m) {
			page.RulesFaults = append(page.RulesFaults, ruleWords(strings.TrimSpace(line)))
		}
		faults["rules"] = page.RulesFaults[0]
	}
	var inputs []blamed
	set := func(list []typedField) {
		for i := range list {
			list[i].Fault = faults[list[i].Name]
			inputs = append(inputs, blamed{list[i].Name, list[i].Name})
		}
	}
	one := func(t *typedField) {
		t.Fault = faults[t.Name]
		inputs = append(inputs, blamed{t.Name, t.Name})
	}
	set(page.Numbers)
	one(&page.Days)
	one(&page.Contact)
	page.OrderFault = faults["order"]
	inputs = append(inputs, blamed{"order", "order"})
	one(&page.Audited)
	one(&page.FloorOf)
	one(&page.Floors)
	set(page.Weights)
	for i := range page.Steps {
		set(page.Steps[i].Fields)
		for _, f := range page.Steps[i].Fields {
			page.StepsOpen = page.StepsOpen || f.Fault != ""
		}
	}
	one(&page.Week)
	one(&page.Items)
	page.StepsOpen = page.StepsOpen || page.Week.Fault != "" || page.Items.Fault != "" || len(page.RulesFaults) > 0
	inputs = append(inputs, blamed{"rules", "rules"})
	page.Faults = listed(faults, others, inputs...)
	page.Failed = true
}

// rulesMark names rules whose price was looked at.
func rulesMark(rules string) string {
	sum := sha256.Sum256([]byte(rules))
	return hex.EncodeToString(sum[:8])
}

// prices says what the rules take, as they are saved and as they are typed.
func (s *server) prices(r *http.Request, d *peopleDesk, plan *mentoring.Plan) (*pricesView, error) {
	typed, err := s.Mentoring.PriceRules(r.Context(), d.who, d.program.ID, &plan.Rules)
	if err != nil {
		return nil, err
	}
	saved := typed
	if plan.Rules != d.plan.Rules {
		if saved, err = s.Mentoring.PriceRules(r.Context(), d.who, d.program.ID, nil); err != nil {
			return nil, err
		}
	}
	return newPricesView(s.tongueOf(r), saved, typed), nil
}

func newPricesView(l tongue, saved, typed *mentoring.RulePrices) *pricesView {
	v := &pricesView{
		Pool: l.say("plan.price.pool", "mentees", l.number(int64(typed.Mentees)), "mentors", l.number(int64(typed.Mentors)), "pairs", l.number(typed.Pairs)),
		Now:  l.say("plan.price.now", "none", saved.Now.None, "few", saved.Now.Few),
	}
	if saved.Now != typed.Now {
		v.Then = l.say("plan.price.then", "none", typed.Now.None, "few", typed.Now.Few)
	}
	for _, x := range typed.Rules {
		line := priceLine{Label: l.say("plan.rule." + x.Rule)}
		var words []string
		how := "with"
		if x.InForce {
			how = "without"
		}
		line.Word = l.say("plan.price.on." + how)
		switch {
		case !x.Liftable && x.InForce:
			line.Word = l.say("plan.price.always")
			words = append(words, l.say("plan.price.alone", "none", x.Alone.None, "few", x.Alone.Few))
		case x.Changed == typed.Now:
			words = append(words, l.say("plan.price.same."+how))
		default:
			words = append(words, l.say("plan.price."+how, "none", x.Changed.None, "now", typed.Now.None, "few", x.Changed.Few, "nowfew", typed.Now.Few))
		}
		words = append(words, l.say("plan.price.pairs."+how, "n", l.number(x.Pairs)))
		line.Text = strings.Join(words, " ")
		v.Rules = append(v.Rules, line)
	}
	return v
}
