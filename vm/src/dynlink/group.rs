//! The libraries that are loaded together: the one that is asked for, and those that it needs and that are not there.

use std::collections::{HashMap, VecDeque};

use faasm_abi::dylink::Dylink;

use super::{Candidate, DynlinkError, MOST, needed, position};
use crate::module::Module;
use crate::store::contents::Contents;

/// The most bytes of a library's data to whose multiple it can be aligned, as a power of two.
const MOST_ALIGNED: u32 = 31;

/// See the file's page.
#[derive(Debug)]
pub(super) struct Group<'a> {
    /// Breadth first: the root, then what it needs, …
    pub(super) members: Vec<Member<'a>>,
    /// Positions in `members`: each behind what it needs, as far as there are no circles.
    pub(super) order: Vec<usize>,
    /// Loaded libraries that members need.
    pub(super) loaded: Vec<u32>,
}

/// A library that is to be loaded.
#[derive(Debug)]
pub(super) struct Member<'a> {
    pub(super) name: &'a str,
    pub(super) module: &'a Module,
    pub(super) dylink: &'a Dylink,
    pub(super) needs: Vec<Need>,
}

/// A library that another one needs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Need {
    /// By its position among the store's libraries.
    Loaded(u32),
    /// By its position in the group.
    Member(usize),
}

impl<'a> Group<'a> {
    /// The group of `root`.
    pub(super) fn of(
        contents: &Contents,
        candidates: &'a [Candidate],
        root: &str,
    ) -> Result<Self, DynlinkError> {
        let absent = || DynlinkError::Needed { library: "the program".into(), needed: root.into() };
        let first = find(candidates, root).ok_or_else(absent)?;
        let mut group = Self { members: Vec::new(), order: Vec::new(), loaded: Vec::new() };
        let mut places = HashMap::from([(first, 0)]);
        group.add(&candidates[first])?;
        let mut queue = VecDeque::from([first]);
        while let Some(at) = queue.pop_front() {
            for name in needed(&candidates[at].module) {
                let need = if let Some(loaded) = position(contents, name) {
                    group.loaded.push(loaded);
                    Need::Loaded(loaded)
                } else if let Some(other) = find(candidates, name) {
                    let next = group.members.len();
                    let place = *places.entry(other).or_insert(next);
                    if place == next {
                        group.add(&candidates[other])?;
                        queue.push_back(other);
                    }
                    Need::Member(place)
                } else {
                    let library = candidates[at].name.clone();
                    return Err(DynlinkError::Needed { library, needed: name.clone() });
                };
                group.members[places[&at]].needs.push(need);
            }
        }
        if contents.libraries.len() + group.members.len() > MOST {
            return Err(DynlinkError::Many);
        }
        group.sort();
        Ok(group)
    }

    fn add(&mut self, candidate: &'a Candidate) -> Result<(), DynlinkError> {
        if self.members.len() == MOST {
            return Err(DynlinkError::Many);
        }
        let library = || candidate.name.clone();
        let Some(dylink) = &candidate.module.info().dylink else {
            return Err(DynlinkError::NotALibrary { library: library() });
        };
        if dylink.memory_align_log2 > MOST_ALIGNED || dylink.table_align_log2 > MOST_ALIGNED {
            let what = "an alignment beyond all memory";
            return Err(DynlinkError::Limit { library: library(), what });
        }
        let Candidate { name, module } = candidate;
        self.members.push(Member { name, module, dylink, needs: Vec::new() });
        Ok(())
    }

    /// Depth first, without recursion: the group is a guest's.
    fn sort(&mut self) {
        let mut seen = vec![false; self.members.len()];
        let mut path = vec![(0, 0)];
        seen[0] = true;
        while let Some((at, next)) = path.last_mut() {
            match self.members[*at].needs.get(*next) {
                Some(need) => {
                    *next += 1;
                    if let Need::Member(other) = *need
                        && !std::mem::replace(&mut seen[other], true)
                    {
                        path.push((other, 0));
                    }
                }
                None => {
                    self.order.push(*at);
                    path.pop();
                }
            }
        }
    }
}

fn find(candidates: &[Candidate], name: &str) -> Option<usize> {
    candidates.iter().position(|candidate| super::is_called(&candidate.name, name))
}
