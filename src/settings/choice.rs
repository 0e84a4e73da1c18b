//! What can be chosen by a name: when to colour, and how to show progress.

use clap::ValueEnum;

/// When to colour what people read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How to show progress.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Progress {
    /// A bar on a terminal, lines otherwise
    #[default]
    Auto,
    /// A bar
    Bar,
    /// Lines
    Plain,
    /// One JSON object a line, on standard error
    Json,
    /// Nothing
    None,
}
