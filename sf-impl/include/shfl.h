/* SPDX-License-Identifier: MIT */
/*
 * The SHFL protocol: structures and numbers that a guest and the service
 * "VBoxSharedFolders" exchange. Little endian. The functions and their
 * parameters are in shfl.def. Source: spec/shfl-service.md 1 and 2,
 * spec/hgcm-abi.md 2 to 4.
 */
#ifndef SHFL_H
#define SHFL_H

#include "sf_types.h"

#define SHFL_SERVICE_NAME "VBoxSharedFolders"

#define SHFL_ROOT_NIL 0xffffffffu
#define SHFL_HANDLE_NIL 0xffffffffffffffffull
#define SHFL_HANDLE_ROOT 0ull
#define SHFL_MAX_MAPPINGS 64 /* also the number of root ids */
#define SHFL_MAX_LEN 256 /* of a share name, as callers use it */
#define SHFL_MAX_HANDLES 4096 /* slot 0 is never issued */
#define SHFL_MAX_WAITS 64 /* outstanding waits for mapping changes */
#define SHFL_MAX_PARMS 8 /* the most parameters that a function has */

/* Function numbers: guest calls, then host calls. */
enum shfl_fn {
#define SHFL_FN(number, name, ...) SHFL_FN_##name = number,
#include "shfl.def"
	SHFL_FN_LAST = 29
};

enum shfl_host_fn {
#define SHFL_HOST_FN(number, name, ...) SHFL_FN_##name = number,
#include "shfl.def"
};

/* Result of SHFLCREATEPARMS */
enum {
	SHFL_NO_RESULT = 0,
	SHFL_PATH_NOT_FOUND = 1,
	SHFL_FILE_NOT_FOUND = 2,
	SHFL_FILE_EXISTS = 3,
	SHFL_FILE_CREATED = 4,
	SHFL_FILE_REPLACED = 5
};

/* Attr.enmAdditional of SHFLFSOBJINFO */
enum { SHFLFSOBJATTRADD_NOTHING = 1, SHFLFSOBJATTRADD_UNIX = 2, SHFLFSOBJATTRADD_EASIZE = 3 };

/* style of SHFL_FN_SET_ERROR_STYLE */
enum {
	SHFL_ERROR_STYLE_WINDOWS = 1,
	SHFL_ERROR_STYLE_LINUX = 2,
	SHFL_ERROR_STYLE_NATIVE = SHFL_ERROR_STYLE_LINUX
};

/* CreateFlags of SHFLCREATEPARMS */
#define SHFL_CF_NONE 0x0u
#define SHFL_CF_LOOKUP 0x1u
#define SHFL_CF_OPEN_TARGET_DIRECTORY 0x2u
#define SHFL_CF_DIRECTORY 0x4u
#define SHFL_CF_ACT_MASK_IF_EXISTS 0xf0u
#define SHFL_CF_ACT_MASK_IF_NEW 0xf00u
#define SHFL_CF_ACT_OPEN_IF_EXISTS 0x0u
#define SHFL_CF_ACT_FAIL_IF_EXISTS 0x10u
#define SHFL_CF_ACT_REPLACE_IF_EXISTS 0x20u
#define SHFL_CF_ACT_OVERWRITE_IF_EXISTS 0x30u
#define SHFL_CF_ACT_CREATE_IF_NEW 0x0u
#define SHFL_CF_ACT_FAIL_IF_NEW 0x100u
#define SHFL_CF_ACCESS_MASK_RW 0x3000u
#define SHFL_CF_ACCESS_NONE 0x0u
#define SHFL_CF_ACCESS_READ 0x1000u
#define SHFL_CF_ACCESS_WRITE 0x2000u
#define SHFL_CF_ACCESS_READWRITE 0x3000u
#define SHFL_CF_ACCESS_MASK_DENY 0xc000u
#define SHFL_CF_ACCESS_DENYNONE 0x0u
#define SHFL_CF_ACCESS_DENYREAD 0x4000u
#define SHFL_CF_ACCESS_DENYWRITE 0x8000u
#define SHFL_CF_ACCESS_DENYALL 0xc000u
#define SHFL_CF_ACCESS_MASK_ATTR 0x30000u
#define SHFL_CF_ACCESS_ATTR_NONE 0x0u
#define SHFL_CF_ACCESS_ATTR_READ 0x10000u
#define SHFL_CF_ACCESS_ATTR_WRITE 0x20000u
#define SHFL_CF_ACCESS_ATTR_READWRITE 0x30000u
#define SHFL_CF_ACCESS_APPEND 0x40000u

/* flags of SHFL_FN_INFORMATION */
#define SHFL_INFO_MODE_MASK 0x1u
#define SHFL_INFO_GET 0x0u
#define SHFL_INFO_SET 0x1u
#define SHFL_INFO_NAME 0x2u
#define SHFL_INFO_SIZE 0x4u
#define SHFL_INFO_FILE 0x8u
#define SHFL_INFO_VOLUME 0x10u

/* flags of SHFL_FN_LIST */
#define SHFL_LIST_NONE 0x0u
#define SHFL_LIST_RETURN_ONE 0x1u
#define SHFL_LIST_RESTART 0x2u

/* flags of SHFL_FN_LOCK */
#define SHFL_LOCK_MODE_MASK 0x3u
#define SHFL_LOCK_CANCEL 0x0u
#define SHFL_LOCK_SHARED 0x1u
#define SHFL_LOCK_EXCLUSIVE 0x2u
#define SHFL_LOCK_NOWAIT 0x0u
#define SHFL_LOCK_WAIT 0x4u
#define SHFL_LOCK_PARTIAL 0x0u
#define SHFL_LOCK_ENTIRE 0x8u

/* flags of SHFL_FN_REMOVE and SHFL_FN_CLOSE_AND_REMOVE */
#define SHFL_REMOVE_FILE 0x1u
#define SHFL_REMOVE_DIR 0x2u
#define SHFL_REMOVE_SYMLINK 0x4u

/* flags of SHFL_FN_RENAME */
#define SHFL_RENAME_FILE 0x1u
#define SHFL_RENAME_DIR 0x2u
#define SHFL_RENAME_REPLACE_IF_EXISTS 0x4u

/* flags of SHFL_FN_QUERY_MAPPINGS */
#define SHFL_MF_MASK 0x11u
#define SHFL_MF_UCS2 0x0u
#define SHFL_MF_UTF8 0x1u
#define SHFL_MF_AUTOMOUNT 0x10u

/* u32Status of SHFLMAPPING */
#define SHFL_MS_NEW 0x1u
#define SHFL_MS_DELETED 0x2u

/* flags of SHFL_FN_QUERY_MAP_INFO: MIQF in, MIF out. The two _ICASE bits are set
 * where that side is case *sensitive*: the wire has it so. */
#define SHFL_MIQF_DRIVE_LETTER 0x1u
#define SHFL_MIQF_PATH 0x2u
#define SHFL_MIF_WRITABLE 0x1u
#define SHFL_MIF_AUTO_MOUNT 0x2u
#define SHFL_MIF_HOST_ICASE 0x4u
#define SHFL_MIF_GUEST_ICASE 0x8u
#define SHFL_MIF_SYMLINK_CREATION 0x10u

/* flags of the host call SHFL_FN_ADD_MAPPING */
#define SHFL_ADD_MAPPING_F_WRITABLE 0x1u
#define SHFL_ADD_MAPPING_F_AUTOMOUNT 0x2u
#define SHFL_ADD_MAPPING_F_CREATE_SYMLINKS 0x4u
#define SHFL_ADD_MAPPING_F_MISSING 0x8u

/* features of SHFL_FN_QUERY_FEATURES */
#define SHFL_FEATURE_WRITE_UPDATES_OFFSET 0x1u

/* fMode: the low half is Unix, the high half DOS */
#define RTFS_UNIX_MASK 0xffffu
#define RTFS_UNIX_ALL_PERMS 0xfffu
#define RTFS_UNIX_IRUSR 0x100u
#define RTFS_UNIX_IWUSR 0x80u
#define RTFS_UNIX_IXUSR 0x40u
#define RTFS_UNIX_ISTXT 0x200u
#define RTFS_UNIX_ISGID 0x400u
#define RTFS_UNIX_ISUID 0x800u
#define RTFS_TYPE_MASK 0xf000u
#define RTFS_TYPE_FIFO 0x1000u
#define RTFS_TYPE_DEV_CHAR 0x2000u
#define RTFS_TYPE_DIRECTORY 0x4000u
#define RTFS_TYPE_DEV_BLOCK 0x6000u
#define RTFS_TYPE_FILE 0x8000u
#define RTFS_TYPE_SYMLINK 0xa000u
#define RTFS_TYPE_SOCKET 0xc000u
#define RTFS_TYPE_WHITEOUT 0xe000u
#define RTFS_DOS_MASK 0x7fff0000u
#define RTFS_DOS_SHIFT 0x10u
#define RTFS_DOS_READONLY 0x10000u
#define RTFS_DOS_HIDDEN 0x20000u
#define RTFS_DOS_SYSTEM 0x40000u
#define RTFS_DOS_DIRECTORY 0x100000u
#define RTFS_DOS_ARCHIVED 0x200000u
#define RTFS_DOS_NT_DEVICE 0x400000u
#define RTFS_DOS_NT_NORMAL 0x800000u
#define RTFS_DOS_NT_TEMPORARY 0x1000000u
#define RTFS_DOS_NT_SPARSE_FILE 0x2000000u
#define RTFS_DOS_NT_REPARSE_POINT 0x4000000u
#define RTFS_DOS_NT_COMPRESSED 0x8000000u
#define RTFS_DOS_NT_OFFLINE 0x10000000u
#define RTFS_DOS_NT_NOT_CONTENT_INDEXED 0x20000000u
#define RTFS_DOS_NT_ENCRYPTED 0x40000000u

/* A string with its room: u16Size bytes follow the header, u16Length are used. */
typedef struct SHFLSTRING {
	uint16_t u16Size;
	uint16_t u16Length; /* bytes, terminator not counted */
	union {
		uint8_t utf8[2];
		uint16_t utf16[1];
	} String;
} SHFLSTRING;
#define SHFLSTRING_HEADER_SIZE 4
SF_SIZE(SHFLSTRING, 6);
SF_OFFSET(SHFLSTRING, u16Length, 2);
SF_OFFSET(SHFLSTRING, String, SHFLSTRING_HEADER_SIZE);

/* Attributes of an object. Times are ns since 1970-01-01 UTC. */
typedef struct SHFLFSOBJINFO {
	int64_t cbObject;
	int64_t cbAllocated;
	int64_t AccessTime;
	int64_t ModificationTime;
	int64_t ChangeTime;
	int64_t BirthTime;
	struct {
		uint32_t fMode;
		int32_t enmAdditional;
		union {
			struct {
				uint32_t uid;
				uint32_t gid;
				uint32_t cHardlinks;
				uint32_t INodeIdDevice;
				uint64_t INodeId;
				uint32_t fFlags;
				uint32_t GenerationId;
				uint32_t Device;
			} SF_PACKED Unix;
			struct {
				int64_t cb;
			} SF_PACKED EASize;
			uint8_t abPadding[36];
		} SF_PACKED u;
	} SF_PACKED Attr;
} SF_PACKED SHFLFSOBJINFO;
SF_SIZE(SHFLFSOBJINFO, 92);
SF_OFFSET(SHFLFSOBJINFO, cbAllocated, 8);
SF_OFFSET(SHFLFSOBJINFO, AccessTime, 16);
SF_OFFSET(SHFLFSOBJINFO, ModificationTime, 24);
SF_OFFSET(SHFLFSOBJINFO, ChangeTime, 32);
SF_OFFSET(SHFLFSOBJINFO, BirthTime, 40);
SF_OFFSET(SHFLFSOBJINFO, Attr.fMode, 48);
SF_OFFSET(SHFLFSOBJINFO, Attr.enmAdditional, 52);
SF_OFFSET(SHFLFSOBJINFO, Attr.u.Unix.uid, 56);
SF_OFFSET(SHFLFSOBJINFO, Attr.u.Unix.gid, 60);
SF_OFFSET(SHFLFSOBJINFO, Attr.u.Unix.cHardlinks, 64);
SF_OFFSET(SHFLFSOBJINFO, Attr.u.Unix.INodeIdDevice, 68);
SF_OFFSET(SHFLFSOBJINFO, Attr.u.Unix.INodeId, 72);
SF_OFFSET(SHFLFSOBJINFO, Attr.u.Unix.fFlags, 80);
SF_OFFSET(SHFLFSOBJINFO, Attr.u.Unix.GenerationId, 84);
SF_OFFSET(SHFLFSOBJINFO, Attr.u.Unix.Device, 88);
SF_OFFSET(SHFLFSOBJINFO, Attr.u.EASize.cb, 56);

/* In and out of SHFL_FN_CREATE. */
typedef struct SHFLCREATEPARMS {
	uint64_t Handle;
	int32_t Result;
	uint32_t CreateFlags;
	SHFLFSOBJINFO Info;
} SF_PACKED SHFLCREATEPARMS;
SF_SIZE(SHFLCREATEPARMS, 108);
SF_OFFSET(SHFLCREATEPARMS, Result, 8);
SF_OFFSET(SHFLCREATEPARMS, CreateFlags, 12);
SF_OFFSET(SHFLCREATEPARMS, Info, 16);

/* An entry of SHFL_FN_LIST's buffer; it takes SHFLDIRINFO_SIZE bytes. */
typedef struct SHFLDIRINFO {
	SHFLFSOBJINFO Info;
	uint16_t cucShortName;
	uint16_t uszShortName[14];
	SHFLSTRING name;
} SHFLDIRINFO;
SF_SIZE(SHFLDIRINFO, 128);
SF_OFFSET(SHFLDIRINFO, cucShortName, 92);
SF_OFFSET(SHFLDIRINFO, uszShortName, 94);
SF_OFFSET(SHFLDIRINFO, name, 122);
SF_OFFSET(SHFLDIRINFO, name.u16Length, 124);
SF_OFFSET(SHFLDIRINFO, name.String, 126);
#define SHFLDIRINFO_SIZE(name_bytes) (126u + (name_bytes))

typedef struct SHFLVOLINFO {
	int64_t ullTotalAllocationBytes;
	int64_t ullAvailableAllocationBytes;
	uint32_t ulBytesPerAllocationUnit;
	uint32_t ulBytesPerSector;
	uint32_t ulSerial;
	struct {
		uint32_t cbMaxComponent;
		uint8_t fRemote;
		uint8_t fCaseSensitive;
		uint8_t fReadOnly;
		uint8_t fSupportsUnicode;
		uint8_t fCompressed;
		uint8_t fFileCompression;
		uint8_t abPadding[2];
	} fsProperties;
} SHFLVOLINFO;
SF_SIZE(SHFLVOLINFO, 40);
SF_OFFSET(SHFLVOLINFO, ullAvailableAllocationBytes, 8);
SF_OFFSET(SHFLVOLINFO, ulBytesPerAllocationUnit, 16);
SF_OFFSET(SHFLVOLINFO, ulBytesPerSector, 20);
SF_OFFSET(SHFLVOLINFO, ulSerial, 24);
SF_OFFSET(SHFLVOLINFO, fsProperties.cbMaxComponent, 28);
SF_OFFSET(SHFLVOLINFO, fsProperties.fRemote, 32);
SF_OFFSET(SHFLVOLINFO, fsProperties.fCaseSensitive, 33);
SF_OFFSET(SHFLVOLINFO, fsProperties.fReadOnly, 34);
SF_OFFSET(SHFLVOLINFO, fsProperties.fSupportsUnicode, 35);
SF_OFFSET(SHFLVOLINFO, fsProperties.fCompressed, 36);
SF_OFFSET(SHFLVOLINFO, fsProperties.fFileCompression, 37);

typedef struct SHFLMAPPING {
	uint32_t u32Status;
	uint32_t root;
} SHFLMAPPING;
SF_SIZE(SHFLMAPPING, 8);
SF_OFFSET(SHFLMAPPING, root, 4);

#endif
