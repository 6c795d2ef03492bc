//! `table!`: declares a table once. The type of its rows, the builder of its columns, `batch`, and
//! the [`Declaration`](crate::tables::Declaration) follow from it. Each column is found by its
//! name, never by its position.

/// Declares a table: the meaning of a row, the name of the table, the type of a row, the type that
/// collects rows, and the columns.
///
/// ```
/// use soakbox_schemas::table;
/// use soakbox_schemas::tables::kind::{Count, Optional, Time, Word};
///
/// table! {
///     /// One row per process and interval: its page faults.
///     "page_faults";
///     #[derive(Clone, Debug, Default)]
///     pub struct PageFaults, PageFaultsBuilder {
///         /// Start of the interval.
///         pub at_ns as at: Time, "ns", "recorder: clock";
///         /// Name of the process.
///         pub process: Word, "", "`/proc/PID/comm`";
///         /// Faults that needed the disk.
///         pub major: Count, "faults", "`/proc/PID/stat`";
///         /// Faults that did not; null where the kernel does not count them.
///         pub minor: Optional<Count>, "faults", "`/proc/PID/stat`";
///         /// All of them.
///         fn all: Count, "faults", "sum of `major` and `minor`";
///     }
/// }
///
/// impl PageFaults {
///     fn all(&self) -> u64 {
///         self.major + self.minor.unwrap_or(0)
///     }
/// }
///
/// let rows = [PageFaults { major: 2, minor: Some(3), ..PageFaults::default() }];
/// let batch = PageFaults::batch(&rows)?;
/// assert_eq!(batch.num_columns(), 5);
/// assert_eq!(PageFaults::DECLARATION.table.name(), "page_faults");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A column is `pub FIELD [as COLUMN]: KIND, UNIT, SOURCE[, reserved VALUE][, since VERSION];` or, if
/// it is computed from others, `fn METHOD: KIND, …;` with a method of that name on the type of the
/// rows. The first column is the time that rows are ordered by. The field id of a column is its
/// position, so a new column goes last, with the next version of the table, and none is ever removed.
#[macro_export]
macro_rules! table {
    (
        $(#[doc = $about:literal])+
        $name:literal;
        $(#[$attribute:meta])*
        pub struct $Row:ident, $Builder:ident {
            $(
                $(#[doc = $meaning:literal])+
                $(pub $field:ident $(as $column:ident)?)? $(fn $computed:ident)?:
                    $kind:ty, $unit:literal, $source:literal
                    $(, reserved $reserved:literal)? $(, since $since:literal)?;
            )+
        }
    ) => {
        // The lines of each comment become one value, which can then be used at any depth of
        // repetition.
        $crate::declared_table! {
            concat!($($about, "\n"),+), $name, [$(#[$attribute])*], $Row, $Builder,
            $({
                concat!($($meaning, "\n"),+),
                [$(pub $field $(as $column)?)?] [$(fn $computed)?]
                $kind, $unit, $source, [$($reserved)?] [$($since)?]
            })+
        }
    };
}

/// The second step of [`table!`](crate::table!), not for use by itself.
#[doc(hidden)]
#[macro_export]
macro_rules! declared_table {
    (
        $about:expr, $name:literal, [$(#[$attribute:meta])*], $Row:ident, $Builder:ident,
        $({
            $meaning:expr,
            [$(pub $field:ident $(as $column:ident)?)?] [$(fn $computed:ident)?]
            $kind:ty, $unit:literal, $source:literal, [$($reserved:literal)?] [$($since:literal)?]
        })+
    ) => {
        #[doc = $about]
        $(#[$attribute])*
        pub struct $Row {
            $($(
                #[doc = $meaning]
                pub $field: $crate::tables::kind::Value<$kind>,
            )?)+
        }

        impl $Row {
            /// The declaration of the table.
            pub const DECLARATION: &'static $crate::tables::Declaration =
                &$crate::tables::Declaration {
                    table: $crate::tables::Table::declared($name),
                    about: $about,
                    columns: &[$($crate::tables::Column {
                        name: $crate::declared_name!(
                            $($field $(as $column)?)? $($computed)?
                        ),
                        meaning: $meaning,
                        unit: $unit,
                        source: $source,
                        reserved: $crate::declared_option!($($reserved)?),
                        since: $crate::declared_since!($($since)?),
                        kind: <$kind as $crate::tables::kind::Kind>::NAME,
                        nullable: <$kind as $crate::tables::kind::Kind>::NULLABLE,
                        data_type: <$kind as $crate::tables::kind::Kind>::data_type,
                    },)+],
                };

            /// The rows as a batch.
            ///
            /// # Errors
            /// Where Arrow refuses a column, which it does not for values of the declared kinds.
            pub fn batch(
                rows: &[Self],
            ) -> Result<$crate::tables::RecordBatch, $crate::tables::ArrowError> {
                let mut builder = $Builder::default();
                for row in rows {
                    builder.append(row);
                }
                builder.finish()
            }
        }

        /// Collects rows, column by column.
        pub struct $Builder {
            schema: $crate::tables::SchemaRef,
            rows: usize,
            $($($field)? $($computed)?: <$kind as $crate::tables::kind::Kind>::Builder,)+
        }

        impl Default for $Builder {
            fn default() -> Self {
                Self {
                    schema: $Row::DECLARATION.schema(),
                    rows: 0,
                    $($($field)? $($computed)?: Default::default(),)+
                }
            }
        }

        impl std::fmt::Debug for $Builder {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($Builder))
                    .field("rows", &self.rows)
                    .finish_non_exhaustive()
            }
        }

        #[allow(dead_code, reason = "a table need not use all of it")]
        impl $Builder {
            /// Adds a row.
            #[inline]
            pub fn append(&mut self, row: &$Row) {
                $(<$kind as $crate::tables::kind::Kind>::append(
                    &mut self.$($field)? $($computed)?,
                    &row.$($field)? $($computed())?,
                );)+
                self.rows += 1;
            }

            /// Rows since the last batch.
            pub fn len(&self) -> usize {
                self.rows
            }

            /// Whether there is no row since the last batch.
            pub fn is_empty(&self) -> bool {
                self.rows == 0
            }

            /// The rows so far as a batch; none are left afterwards.
            ///
            /// # Errors
            /// The errors of `batch` of the type of the rows.
            pub fn finish(
                &mut self,
            ) -> Result<$crate::tables::RecordBatch, $crate::tables::ArrowError> {
                self.rows = 0;
                let columns = vec![
                    $(<$kind as $crate::tables::kind::Kind>::finish(
                        &mut self.$($field)? $($computed)?,
                    )?,)+
                ];
                $crate::tables::RecordBatch::try_new(self.schema.clone(), columns)
            }
        }
    };
}

/// The column's name: the field's, unless another is given.
#[doc(hidden)]
#[macro_export]
macro_rules! declared_name {
    ($field:ident as $column:ident) => {
        stringify!($column)
    };
    ($field:ident) => {
        stringify!($field)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! declared_option {
    () => {
        None
    };
    ($value:literal) => {
        Some($value)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! declared_since {
    () => {
        1
    };
    ($version:literal) => {
        $version
    };
}
