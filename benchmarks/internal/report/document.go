package report

// A Document is a report. Titles, names, labels, facts and table cells are plain
// text: what would mean something to Markdown, HTML or XML is escaped. Lead,
// [Section.Text] and [Section.Notes] are Markdown, written as they are.
type Document struct {
	Title    string
	Lead     string      // what it says, in a paragraph or two
	Facts    [][2]string // machine, commit, command, ...: a name and its value
	Sections []Section
}

// A Section is written in the order of its fields. Empty ones are left out.
type Section struct {
	Title  string
	Text   string
	Plots  []Plot
	Tables []Table
	Notes  []string // a list, at the end
}

// A Table has its first column at the left, and the others, figures, at the right.
// A phone shows about five columns of figures. A row may be shorter than Columns,
// never longer.
type Table struct {
	Title   string
	Columns []string
	Rows    [][]string
	Words   bool // the cells are words: all columns stand left, not only the first
}

// A Plot becomes a file of its own. Series of the same Name look the same in all
// plots of a Document, as far as they can be told apart in each.
type Plot struct {
	Name   string // of the file, behind the document's stem: a-z, 0-9 and -; unique
	Title  string // one line, drawn above the plot
	Alt    string // what it shows, for those who cannot see it
	X, Y   Axis
	Series []Series
	Marks  []Mark
}

// An Axis covers what is shown on it and, if Min < Max, at least Min..Max; nothing
// is cut off. A linear Y axis starts at 0 unless there is less.
type Axis struct {
	Label    string // with the unit: "p99, ms"
	Log      bool   // zero and less have no place on it and are left out
	Min, Max float64
}

// A Series is points with a name in the legend. A point that cannot be shown is a
// gap in the line, never bridged. A series without points stays in the legend, as
// "(no data)".
type Series struct {
	Name   string
	Kind   Kind
	Points []Point // drawn in this order
}

// A Kind is how the points of a [Series] are joined.
type Kind int

// The kinds.
const (
	Line   Kind = iota // straight from point to point
	Steps              // each value holds until the next point's X: rates over time, distributions
	Across             // the Y of the first point alone, from edge to edge: a value that X does not change
)

// A Point is a figure, and its spread if Low < High: drawn as bars if points are
// few, else as a band.
type Point struct{ X, Y, Low, High float64 }

// A Mark is a vertical line with a label at its top: something happened at X.
type Mark struct {
	X     float64
	Label string // two words: "kill -9"
}
