package workbook

import (
	"archive/zip"
	"bytes"
	"runtime"
	"strings"
	"testing"
)

// A small file that unpacks to something large is refused before it takes memory.
func TestHostileWorkbook(t *testing.T) {
	const size, most = 15 << 20, 64 << 20 // bytes unpacked, and allocated
	book := map[string]string{
		"xl/workbook.xml":            `<workbook xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet r:id="a"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="a" Target="s.xml"/></Relationships>`,
	}
	fill := func(before, item, after string) string { return before + strings.Repeat(item, size/len(item)) + after }
	const begin, end = "<worksheet><sheetData><row>", "</row></sheetData></worksheet>"
	for name, parts := range map[string]struct{ sheet, shared string }{
		"cells of a row":     {sheet: fill(begin, "<c/>", end)},
		"cells in one place": {sheet: fill(begin, `<c r="A1"/>`, end)},
		"rows of one cell":   {sheet: fill(begin, "<c/></row><row>", end)},
		"attributes":         {sheet: fill(begin+"<c ", `a=""`, "/>"+end)},
		"nested elements":    {sheet: fill(begin, "<a>", end)},
		"shared texts":       {sheet: begin + end, shared: fill("<sst>", "<si/>", "</sst>")},
		"one text often":     {sheet: begin + strings.Repeat(`<c t="s"><v>0</v></c>`, 500) + end, shared: "<sst><si><t>" + strings.Repeat("x", 1<<20) + "</t></si></sst>"},
	} {
		book["xl/s.xml"], book["xl/sharedStrings.xml"] = parts.sheet, parts.shared
		if parts.shared == "" {
			book["xl/sharedStrings.xml"] = "<sst/>"
		}
		var file bytes.Buffer
		z := zip.NewWriter(&file)
		for part, content := range book {
			w, err := z.Create(part)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write([]byte(content)); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if file.Len() > 100<<10 {
			t.Fatalf("%s: %d bytes are no small file", name, file.Len())
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := CSV(file.Bytes(), Bounds{Part: 16 << 20, Cells: 20_000})
		runtime.ReadMemStats(&after)
		took := after.TotalAlloc - before.TotalAlloc
		t.Logf("figure: %s: %d kB of file, %d MB allocated: %v", name, file.Len()>>10, took>>20, err)
		if err == nil || took > most {
			t.Errorf("%s: %d MB were allocated: %v", name, took>>20, err)
		}
	}
}
