// The shell's side of base/crash.hpp: the points of a page change, and the settings that arm one. Nothing at all in
// builds without VECX_CRASH_POINTS.
//
//   VECX_CRASH_STAGE("before")   a point of the page change that was named last: before (the page is locked),
//                                extended (it is new and zeroed), changed (its copy is), logged (the page is)
//   VECX_CRASH_CHANGE_ENDS()     the name has been used
//
// vecx.crash_point = 'NAME PASS HOW' arms one point in this session (and in its parallel workers): the PASS-th time, from
// now on, that a process reaches it,
//   kill    the process ends by SIGKILL; WAL that was not flushed is lost with the restart of the server
//   flush   the same when all WAL so far is on disk
//   server  the postmaster ends by SIGKILL, too, and everybody else with it
// Arming also gives the process a fixed sequence of random numbers. vecx.crash_wait = 'NAME PASS FILE' lets the session
// wait there until a file exists, where no page is locked: so that another session comes in between. vecx.crash_trace
// names a file to which each process that ends adds a line "NAME PASSES" for every point it has reached.
#pragma once

#include "base/crash.hpp"

#ifdef VECX_CRASH_POINTS

namespace vecx::pg {

void define_crash_settings();
void reach_crash_stage(const char *stage);
void end_page_change();

} // namespace vecx::pg

#define VECX_CRASH_STAGE(stage) ::vecx::pg::reach_crash_stage(stage)
#define VECX_CRASH_CHANGE_ENDS() ::vecx::pg::end_page_change()

#else

#define VECX_CRASH_STAGE(stage) static_cast<void>(0)
#define VECX_CRASH_CHANGE_ENDS() static_cast<void>(0)

#endif
