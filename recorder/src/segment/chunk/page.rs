//! The finished pages of one column of a row group, compressed, and what the footer has to have of
//! them.

use bytes::Bytes;
use parquet::basic::{BoundaryOrder, Compression, Encoding, PageType, Type, ZstdLevel};
use parquet::column::page::{CompressedPage, Page as StoredPage, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats,
};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use zstd::bulk::Compressor;

/// Bytes that a page must have for it to show whether its column becomes smaller.
const TRIAL_BYTES: usize = 4 << 10;

/// What is known of a page of values.
pub(super) struct Page {
    pub(super) rows: usize,
    pub(super) nulls: usize,
    /// Smallest and largest value; `None` where there is none, or a dictionary has them.
    pub(super) limits: Option<(i64, i64)>,
    pub(super) encoding: Encoding,
}

/// The pages so far.
pub(super) struct Pages {
    column: ColumnDescPtr,
    /// Readers skip pages of this column by their limits.
    by_page: bool,
    /// Whether pages are compressed; `None` until the first of them shows if that makes them
    /// smaller.
    compressed: Option<bool>,
    pages: Vec<(Page, usize)>,
    data: Vec<u8>,
    dictionary: Vec<u8>,
    raw_bytes: usize,
}

impl Pages {
    /// For `column`; values that are `packed` already are compressed only where it helps.
    pub(super) fn new(column: ColumnDescPtr, by_page: bool, packed: bool) -> Self {
        Self {
            column,
            by_page,
            compressed: (!packed).then_some(true),
            pages: Vec::new(),
            data: Vec::new(),
            dictionary: Vec::new(),
            raw_bytes: 0,
        }
    }

    /// Whether a value can be missing.
    pub(super) fn is_nullable(&self) -> bool {
        self.column.max_def_level() > 0
    }

    /// Rows without a value so far.
    pub(super) fn nulls(&self) -> usize {
        self.pages.iter().map(|(page, _)| page.nulls).sum()
    }

    /// Appends a page of values, whose content is `bytes`.
    pub(super) fn append(
        &mut self,
        page: Page,
        bytes: &[u8],
        compressor: &mut Compressor<'static>,
    ) -> Result<()> {
        let buf = self.compress(bytes, compressor)?;
        let stored = StoredPage::DataPage {
            buf,
            num_values: page.rows as u32,
            encoding: page.encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let stored = self.serialize(stored, bytes.len())?;
        self.data.extend_from_slice(&stored);
        self.pages.push((page, stored.len()));
        Ok(())
    }

    /// The page of the dictionary, which has `values` values.
    pub(super) fn set_dictionary(
        &mut self,
        values: usize,
        bytes: &[u8],
        compressor: &mut Compressor<'static>,
    ) -> Result<()> {
        let stored = StoredPage::DictionaryPage {
            buf: self.compress(bytes, compressor)?,
            num_values: values as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        self.dictionary = self.serialize(stored, bytes.len())?;
        Ok(())
    }

    fn compress(&mut self, bytes: &[u8], compressor: &mut Compressor<'static>) -> Result<Bytes> {
        if self.compressed == Some(false) {
            return Ok(Bytes::copy_from_slice(bytes));
        }
        let compressed = compressor.compress(bytes)?;
        if self.compressed.is_none() && bytes.len() >= TRIAL_BYTES {
            // Less than a tenth is not worth the time of a writer and of each reader.
            let helps = compressed.len() < bytes.len() / 10 * 9;
            self.compressed = Some(helps);
            if !helps {
                return Ok(Bytes::copy_from_slice(bytes));
            }
        } else {
            self.compressed = Some(true);
        }
        Ok(Bytes::from(compressed))
    }

    /// The page with its header.
    fn serialize(&mut self, page: StoredPage, raw_bytes: usize) -> Result<Vec<u8>> {
        let mut sink = TrackedWrite::new(Vec::new());
        let page = CompressedPage::new(page, raw_bytes);
        let written = SerializedPageWriter::new(&mut sink).write_page(page)?;
        self.raw_bytes += written.uncompressed_size;
        sink.into_inner()
    }

    /// All bytes, the dictionary first, and what the footer has to have of them.
    pub(super) fn finish(self, statistics: Statistics) -> Result<(Bytes, ColumnCloseResult)> {
        let mut bytes = self.dictionary;
        let dictionary_bytes = bytes.len();
        bytes.reserve_exact(self.data.len());
        bytes.extend_from_slice(&self.data);
        drop(self.data);
        let mut offsets = OffsetIndexBuilder::new();
        let mut limits = ColumnIndexBuilder::new(Type::INT64);
        let mut encodings = vec![Encoding::RLE];
        let mut kinds = Vec::new();
        if dictionary_bytes > 0 {
            encodings.push(Encoding::PLAIN);
            kinds.push(PageEncodingStats {
                page_type: PageType::DICTIONARY_PAGE,
                encoding: Encoding::PLAIN,
                count: 1,
            });
        }
        let (mut rows, mut offset) = (0, dictionary_bytes);
        let mut in_order = true;
        let mut last = None;
        for (page, length) in &self.pages {
            offsets.append_row_count(page.rows as i64);
            offsets.append_offset_and_size(offset as i64, *length as i32);
            offset += length;
            rows += page.rows as u64;
            let stored = |limit: fn(&(i64, i64)) -> i64| {
                let limit = page.limits.as_ref().map(limit);
                limit.map_or_else(Vec::new, |limit| limit.to_le_bytes().to_vec())
            };
            let (min, max) = (stored(|limits| limits.0), stored(|limits| limits.1));
            limits.append(page.limits.is_none(), min, max, page.nulls as i64);
            if let Some((min, max)) = page.limits {
                in_order &= last.is_none_or(|(least, most)| least <= min && most <= max);
                last = page.limits;
            }
            match kinds.last_mut() {
                Some(kind)
                    if kind.page_type == PageType::DATA_PAGE && kind.encoding == page.encoding =>
                {
                    kind.count += 1;
                }
                _ => kinds.push(PageEncodingStats {
                    page_type: PageType::DATA_PAGE,
                    encoding: page.encoding,
                    count: 1,
                }),
            }
            if !encodings.contains(&page.encoding) {
                encodings.push(page.encoding);
            }
        }
        limits.set_boundary_order(if in_order {
            BoundaryOrder::ASCENDING
        } else {
            BoundaryOrder::UNORDERED
        });
        let compression = match self.compressed {
            Some(false) => Compression::UNCOMPRESSED,
            _ => Compression::ZSTD(ZstdLevel::default()),
        };
        let metadata = ColumnChunkMetaData::builder(self.column)
            .set_compression(compression)
            .set_encodings(encodings)
            .set_page_encoding_stats(kinds)
            .set_num_values(rows as i64)
            .set_total_compressed_size(bytes.len() as i64)
            .set_total_uncompressed_size(self.raw_bytes as i64)
            .set_dictionary_page_offset((dictionary_bytes > 0).then_some(0))
            .set_data_page_offset(dictionary_bytes as i64)
            .set_statistics(statistics)
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: rows,
            bloom_filter: None,
            metadata,
            column_index: self.by_page.then(|| limits.build()).transpose()?,
            offset_index: Some(offsets.build()),
        };
        Ok((Bytes::from(bytes), close))
    }
}
