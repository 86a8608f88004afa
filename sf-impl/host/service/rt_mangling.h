/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The runtime's names, each through RT_MANGLER: a build with
 * -DSF_RT_PREFIX=VBoxHost_ has VBoxHost_RTFileOpen and so on.
 */
#ifndef RT_MANGLING_H
#define RT_MANGLING_H

#define RT_MANGLER_PASTE(prefix, name) prefix##name
#define RT_MANGLER_EXPAND(prefix, name) RT_MANGLER_PASTE(prefix, name)
#define RT_MANGLER(name) RT_MANGLER_EXPAND(SF_RT_PREFIX, name)

#define RTDirClose RT_MANGLER(RTDirClose)
#define RTDirCreate RT_MANGLER(RTDirCreate)
#define RTDirOpen RT_MANGLER(RTDirOpen)
#define RTDirQueryInfo RT_MANGLER(RTDirQueryInfo)
#define RTDirRead RT_MANGLER(RTDirRead)
#define RTDirRemove RT_MANGLER(RTDirRemove)
#define RTDirRewind RT_MANGLER(RTDirRewind)
#define RTDirSetMode RT_MANGLER(RTDirSetMode)
#define RTDirSetTimes RT_MANGLER(RTDirSetTimes)
#define RTErrConvertFromErrno RT_MANGLER(RTErrConvertFromErrno)
#define RTFileClose RT_MANGLER(RTFileClose)
#define RTFileCopy RT_MANGLER(RTFileCopy)
#define RTFileCopyPart RT_MANGLER(RTFileCopyPart)
#define RTFileDelete RT_MANGLER(RTFileDelete)
#define RTFileFlush RT_MANGLER(RTFileFlush)
#define RTFileLock RT_MANGLER(RTFileLock)
#define RTFileMove RT_MANGLER(RTFileMove)
#define RTFileOpen RT_MANGLER(RTFileOpen)
#define RTFileQueryInfo RT_MANGLER(RTFileQueryInfo)
#define RTFileRead RT_MANGLER(RTFileRead)
#define RTFileSetMode RT_MANGLER(RTFileSetMode)
#define RTFileSetSize RT_MANGLER(RTFileSetSize)
#define RTFileSetTimes RT_MANGLER(RTFileSetTimes)
#define RTFileSgRead RT_MANGLER(RTFileSgRead)
#define RTFileSgWrite RT_MANGLER(RTFileSgWrite)
#define RTFileUnlock RT_MANGLER(RTFileUnlock)
#define RTFileWrite RT_MANGLER(RTFileWrite)
#define RTFsQueryInfo RT_MANGLER(RTFsQueryInfo)
#define RTPathQueryInfo RT_MANGLER(RTPathQueryInfo)
#define RTPathRename RT_MANGLER(RTPathRename)
#define RTSymlinkCreate RT_MANGLER(RTSymlinkCreate)
#define RTSymlinkDelete RT_MANGLER(RTSymlinkDelete)
#define RTSymlinkRead RT_MANGLER(RTSymlinkRead)

#endif
