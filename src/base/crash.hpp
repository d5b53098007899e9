// Places where a test can end the process as SIGKILL would, to see that what is left is a legal index. They exist in
// builds with VECX_CRASH_POINTS only (make CRASH_POINTS=1); elsewhere these macros are nothing.
//
//   VECX_CRASH_SITE("name")    right before a store's update()
//   VECX_CRASH_EXTEND("name")  right before a store's extend()
//   VECX_CRASH_POINT("name")   anywhere else: between two steps of which either may be lost
//
// A site names the page change that follows, and the shell makes three points of it (pg/crash.hpp): site/before or
// site/extended, site/changed, site/logged. A page change without a name is an error in such a build, so none can be
// forgotten. Names are those of the operation and of what it writes. The literals are the list of points: tests read
// it from the library, so they must not be built at run time, and no name may be used twice.
#pragma once

#ifdef VECX_CRASH_POINTS

namespace vecx {

// In src/pg/crash.cpp. `name` lives for ever.
void name_page_change(const char *name);
void reach_crash_point(const char *name);

} // namespace vecx

#define VECX_CRASH_SITE(name) ::vecx::name_page_change("crash-site:" name)
#define VECX_CRASH_EXTEND(name) ::vecx::name_page_change("crash-extend:" name)
#define VECX_CRASH_POINT(name) ::vecx::reach_crash_point("crash-point:" name)

#else

#define VECX_CRASH_SITE(name) static_cast<void>(0)
#define VECX_CRASH_EXTEND(name) static_cast<void>(0)
#define VECX_CRASH_POINT(name) static_cast<void>(0)

#endif
