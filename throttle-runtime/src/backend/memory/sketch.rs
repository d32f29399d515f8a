//! A compact map from identities to numbers, which may say more than was stored and never less.
//!
//! An identity has two buckets of 64 bytes and a tag of 16 or 24 bits. Another identity with the same tag shares its number.
//! When both buckets are full, the least number of the two moves to the overflow of its bucket, where it counts for
//! every identity of the bucket: as in the Space-Saving algorithm (A. Metwally, D. Agrawal, A. El Abbadi, 2005).

/// Bytes of a bucket: a line of the processor's cache.
pub(super) const BUCKET: usize = 64;

/// How many bytes an entry takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Widths {
    /// Of a tag: 2 or 3.
    pub(super) tag: usize,
    /// Of a number: 1, 2 or 4.
    pub(super) number: usize,
}

#[derive(Debug)]
pub(super) struct Sketch {
    /// Buckets, each: the overflow, the tags, the numbers.
    bytes: Vec<u8>,
    widths: Widths,
    /// Numbers are stored in units of 2 to this power, rounded up.
    shift: u32,
    /// Entries that are occupied, also those whose numbers do not count any more.
    occupied: usize,
    /// How often a number was stored since the last [sweep](Self::sweep).
    stored: usize,
}

/// Where an identity may be, and its tag.
#[derive(Clone, Copy)]
struct Home {
    buckets: [usize; 2],
    tag: u32,
}

/// An entry of a bucket.
#[derive(Clone, Copy)]
struct Slot {
    bucket: usize,
    index: usize,
}

impl Sketch {
    /// A sketch of at most so many bytes, and of at least one bucket.
    pub(super) fn new(bytes: usize, widths: Widths) -> Self {
        let bytes = vec![0; (bytes / BUCKET).max(1) * BUCKET];
        Self { bytes, widths, shift: 0, occupied: 0, stored: 0 }
    }

    /// Bytes that are allocated.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Whether further identities should go elsewhere. Up to this load, nearly none finds both of its buckets full.
    pub(super) const fn is_full(&self) -> bool {
        self.occupied * 4 > self.len() * 3
    }

    /// Whether a [sweep](Self::sweep) is worth its time.
    pub(super) const fn is_stale(&self) -> bool {
        self.is_full() && self.stored * 4 > self.len()
    }

    /// Whether that number is stored without rounding.
    pub(super) const fn holds(&self, number: u64) -> bool {
        self.widths.number == 4 || self.shift == 0 && number <= self.most()
    }

    /// At least the number that was stored for an identity. Numbers up to `floor` count as 0.
    pub(super) fn get(&self, id: u64, floor: u64) -> u64 {
        let home = self.home(id);
        let mut most = 0;
        for bucket in home.buckets {
            most = most.max(self.overflow(bucket));
            for index in 0..self.slots() {
                if self.tag(bucket, index) == home.tag {
                    most = most.max(self.number(Slot { bucket, index }));
                }
            }
        }
        let number = u64::from(most) << self.shift;
        if number > floor { number } else { 0 }
    }

    /// Stores a number for an identity, unless a greater one is there. Numbers up to `floor` count as 0.
    pub(super) fn raise(&mut self, id: u64, number: u64, floor: u64) {
        while number.div_ceil(1 << self.shift) > self.most() {
            self.coarsen();
        }
        self.stored += 1;
        let (home, floor) = (self.home(id), floor >> self.shift);
        #[expect(clippy::cast_possible_truncation, reason = "no more than the most")]
        let number = number.div_ceil(1 << self.shift) as u32;
        let is_free = |number: u32| u64::from(number) <= floor;
        let (mut free, mut most_free) = (None, 0);
        let mut least: [Option<(u32, Slot)>; 2] = [None; 2];
        for (bucket, least) in home.buckets.into_iter().zip(&mut least) {
            let (mut first, mut count) = (None, 0);
            for index in 0..self.slots() {
                let slot = Slot { bucket, index };
                let stored = self.number(slot);
                if is_free(stored) {
                    count += 1;
                    first = first.or(Some(slot));
                } else if self.tag(bucket, index) == home.tag {
                    return self.put(slot, home.tag, stored.max(number));
                } else if least.is_none_or(|(number, _)| stored < number) {
                    *least = Some((stored, slot));
                }
            }
            if count > most_free {
                (free, most_free) = (first, count);
            }
        }
        if let Some(slot) = free {
            self.occupied += usize::from(self.number(slot) == 0);
            return self.put(slot, home.tag, number);
        }
        // The overflow that grows least by it takes the least number.
        let growth =
            |(stored, slot): &(u32, Slot)| number.min(*stored).saturating_sub(self.overflow(slot.bucket));
        let Some((stored, slot)) = least.into_iter().flatten().min_by_key(growth) else { return };
        self.set_overflow(slot.bucket, self.overflow(slot.bucket).max(number.min(stored)));
        if number > stored {
            self.put(slot, home.tag, number);
        }
    }

    /// Takes out the numbers up to `floor`.
    pub(super) fn sweep(&mut self, floor: u64) {
        let floor = floor >> self.shift;
        (self.occupied, self.stored) = (0, 0);
        for bucket in 0..self.buckets() {
            if u64::from(self.overflow(bucket)) <= floor {
                self.set_overflow(bucket, 0);
            }
            for index in 0..self.slots() {
                let slot = Slot { bucket, index };
                if u64::from(self.number(slot)) <= floor {
                    self.put(slot, 0, 0);
                } else {
                    self.occupied += 1;
                }
            }
        }
    }

    /// Doubles the unit of all numbers.
    fn coarsen(&mut self) {
        self.shift += 1;
        for bucket in 0..self.buckets() {
            self.set_overflow(bucket, self.overflow(bucket).div_ceil(2));
            for index in 0..self.slots() {
                let slot = Slot { bucket, index };
                self.put(slot, self.tag(bucket, index), self.number(slot).div_ceil(2));
            }
        }
    }

    fn home(&self, id: u64) -> Home {
        #[expect(clippy::cast_possible_truncation, reason = "as many bits as the tag has")]
        let low = |hash: u64| hash as u32;
        let (first, second) =
            (id.wrapping_mul(0x9e37_79b9_7f4a_7c15), id.wrapping_mul(0xc2b2_ae3d_27d4_eb4f));
        let bucket = |hash: u64| (((hash >> 32) * self.buckets() as u64) >> 32) as usize;
        // Other bits than those that pick the buckets.
        let tag = self.cut(low(first) >> 8);
        Home { buckets: [bucket(first), bucket(second)], tag }
    }

    const fn buckets(&self) -> usize {
        self.bytes.len() / BUCKET
    }

    /// Entries of a bucket.
    const fn slots(&self) -> usize {
        (BUCKET - self.widths.number) / (self.widths.tag + self.widths.number)
    }

    const fn len(&self) -> usize {
        self.buckets() * self.slots()
    }

    /// The greatest number in a unit.
    const fn most(&self) -> u64 {
        u64::MAX >> (u64::BITS as usize - 8 * self.widths.number)
    }

    /// As much of a hash as a tag holds.
    const fn cut(&self, hash: u32) -> u32 {
        hash & (u32::MAX >> (u32::BITS as usize - 8 * self.widths.tag))
    }

    fn tag(&self, bucket: usize, index: usize) -> u32 {
        self.read(self.tag_at(Slot { bucket, index }), self.widths.tag)
    }

    fn number(&self, slot: Slot) -> u32 {
        self.read(self.at(slot), self.widths.number)
    }

    fn overflow(&self, bucket: usize) -> u32 {
        self.read(bucket * BUCKET, self.widths.number)
    }

    fn set_overflow(&mut self, bucket: usize, number: u32) {
        self.write(bucket * BUCKET, number, self.widths.number);
    }

    fn put(&mut self, slot: Slot, tag: u32, number: u32) {
        self.write(self.tag_at(slot), tag, self.widths.tag);
        self.write(self.at(slot), number, self.widths.number);
    }

    /// Where the tag of an entry is.
    const fn tag_at(&self, slot: Slot) -> usize {
        slot.bucket * BUCKET + self.widths.number + slot.index * self.widths.tag
    }

    /// Where the number of an entry is.
    const fn at(&self, slot: Slot) -> usize {
        let tags = self.slots() * self.widths.tag;
        slot.bucket * BUCKET + self.widths.number + tags + slot.index * self.widths.number
    }

    /// A copy of a constant length is a load, and not a call.
    #[inline]
    fn read(&self, at: usize, width: usize) -> u32 {
        let bytes = &self.bytes[at..at + width];
        match *bytes {
            [a] => u32::from(a),
            [a, b] => u32::from(u16::from_le_bytes([a, b])),
            [a, b, c] => u32::from_le_bytes([a, b, c, 0]),
            [a, b, c, d, ..] => u32::from_le_bytes([a, b, c, d]),
            [] => 0,
        }
    }

    #[inline]
    fn write(&mut self, at: usize, number: u32, width: usize) {
        for (byte, new) in self.bytes[at..at + width].iter_mut().zip(number.to_le_bytes()) {
            *byte = new;
        }
    }
}

/// The bytes that a number takes; 4 for those that take more, which are rounded.
pub(super) const fn width(number: u64) -> usize {
    match number {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        _ => 4,
    }
}
